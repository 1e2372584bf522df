/** Optimizers and learning rates. */
export { AdamW, type AdamWOptions } from "./adamw.ts";
export { learningRateAt, type ScheduleKind, type ScheduleOptions } from "./schedule.ts";
