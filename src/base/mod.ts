/** The ground floor: errors, atomic writes, hashes, seeds, clock and paths. */

export * from "./atomic.ts";
export * from "./clock.ts";
export * from "./disk.ts";
export * from "./download.ts";
export * from "./errors.ts";
export * from "./hash.ts";
export * from "./median.ts";
export * from "./name_groups.ts";
export * from "./name_pattern.ts";
export * from "./nearest.ts";
export * from "./normal.ts";
export * from "./partial.ts";
export * from "./paths.ts";
export * from "./retry.ts";
export * from "./seed.ts";
export * from "./version.ts";
