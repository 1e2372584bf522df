/** Optimizers, learning rates, and averages of weights. */
export { adafactor, type AdafactorOptions } from "./adafactor.ts";
export { fairseqAdafactor, type FairseqAdafactorOptions } from "./adafactor_fairseq.ts";
export { adagrad, type AdagradOptions } from "./adagrad.ts";
export { AdamW, type AdamWOptions } from "./adamw.ts";
export { Ema, emaDecayAt, type EmaOptions } from "./ema.ts";
export type { MomentOptions } from "./moments.ts";
export { muon, type MuonOptions } from "./muon.ts";
export { nadam, type NadamOptions } from "./nadam.ts";
export type { Optimizer } from "./optimizer.ts";
export { radam } from "./radam.ts";
export { rmsprop, type RmspropOptions } from "./rmsprop.ts";
export { learningRateAt, type ScheduleKind, type ScheduleOptions } from "./schedule.ts";
export { sgd, type SgdOptions } from "./sgd.ts";
