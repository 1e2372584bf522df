/** The events of a run and the bus that carries them. */

export * from "./bus.ts";
export * from "./schema.ts";
