/** Encoding alone: what a later run will find in the cache. */
import type { RunConfig } from "../config/mod.ts";
import type { Dataset } from "../data/mod.ts";
import type { Emit } from "../events/mod.ts";
import { encodeClips, openModels, resolveDevice } from "./setup.ts";

/**
 * Encodes everything that a run of this config needs and that is not in the cache.
 * @returns holds its entries until it is disposed of
 * @throws {WeightsError} {DataError} {ConfigError} {DiskError} as what was loaded, scanned, configured or written is wrong
 */
export async function cacheClips(
  config: RunConfig,
  options: { emit: Emit; signal?: AbortSignal | undefined },
): Promise<Dataset> {
  const device = resolveDevice(config.model.device);
  return await encodeClips(config, { models: openModels(config), device, ...options, signal: options.signal });
}
