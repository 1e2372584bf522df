/** From a file, the presets it extends and the flags to one frozen config. */

import { basename, dirname, resolve } from "node:path";
import { ConfigError, messageOf, resolvePath } from "../base/mod.ts";
import { fileLayer, isObject, type Json, type JsonObject, type Layer, merge } from "./layers.ts";
import { applyOverride, overrideLayer, parseOverride } from "./overrides.ts";
import { presetText } from "./presets.ts";
import { configError } from "./problems.ts";
import { configSchema, type RunConfig } from "./schema.ts";
import { SHARED_OPTIM_FIELDS } from "./sections/optim.ts";

/** Places of the config that hold a path; `*` is every item of a list. */
const PATHS = [
  "runsDir",
  "model.weights",
  "data.cache.dir",
  "data.sources.*.path",
  "data.captions.list",
  "data.sources.*.captions.list",
];

const MAX_EXTENDS = 16;

/**
 * Reads a config file.
 * @param path the JSONC file
 * @param options.set overrides `a.b=value`; relative paths in them start at the current folder
 * @throws {ConfigError} with one line per problem
 */
export function loadConfig(path: string, options: { set?: readonly string[] } = {}): RunConfig {
  return parseConfig(readConfigText(path, "the config"), { path, ...options });
}

/**
 * Reads a config text as if it stood in the file `path`: relative paths in it start at that file's folder.
 * @throws {ConfigError} with one line per problem
 */
export function parseConfig(text: string, options: { path: string; set?: readonly string[] }): RunConfig {
  const label = basename(options.path);
  const folder = dirname(resolve(options.path));
  const layers = fileLayers(text, { label, folder, file: resolve(options.path), seen: [] });
  const overrides = (options.set ?? []).map(parseOverride).toSorted((a, b) => namesOptimizer(b) - namesOptimizer(a));
  let merged = layers.reduce<JsonObject>(
    (below, layer) => merge(forOptimizerOf(layer.value, below), layer.value) as JsonObject,
    Object.create(null),
  );
  for (const override of overrides) {
    const value = absolutePaths(override.value, { at: override.path.join("."), folder: Deno.cwd() });
    const alone = applyOverride(Object.create(null), { path: override.path, value });
    merged = applyOverride(forOptimizerOf(alone, merged), { path: override.path, value });
  }
  const result = configSchema.safeParse(merged);
  if (!result.success) {
    const sources = [...layers, ...overrides.map(overrideLayer)];
    throw configError(result.error.issues, merged, { layers: sources, label });
  }
  const name = result.data.name ?? label.replace(/\.(jsonc|json)$/, "");
  return freeze({ ...result.data, name, runsDir: resolvePath(result.data.runsDir, folder) });
}

/** 1 for an override that names the optimizer, which comes before its fields; else 0. */
function namesOptimizer({ path }: { path: readonly string[] }): number {
  return path[0] === "optim" && (path.length === 1 || path[1] === "name") ? 1 : 0;
}

/**
 * A lower layer as it counts beneath one that names another optimizer: rate, decay and whatever else was chosen for the
 * former optimizer hold no more, the schedule and the like do.
 */
function forOptimizerOf(upper: JsonObject, lower: JsonObject): JsonObject {
  const [former, now] = [lower.optim, upper.optim];
  if (!isObject(former) || !isObject(now) || now.name === undefined) return lower;
  if (now.name === (former.name ?? "adamw")) return lower;
  const kept = Object.entries(former).filter(([key]) => SHARED_OPTIM_FIELDS.includes(key));
  return { ...lower, optim: Object.fromEntries(kept) as JsonObject };
}

/** The layers of a file, lowest first: what it extends, then itself. */
function fileLayers(
  text: string,
  from: { label: string; folder: string; file: string; seen: readonly string[] },
): Layer[] {
  const layer = fileLayer(text, from.label);
  const { $schema: _, extends: base, ...rest } = layer.value;
  const value = absolutePaths(merge(undefined, rest), { at: "", folder: from.folder }) as JsonObject;
  return [...baseLayers(base, from), { value, where: layer.where }];
}

function baseLayers(
  base: Json | undefined,
  from: { label: string; folder: string; file: string; seen: readonly string[] },
): Layer[] {
  if (base === undefined) return [];
  if (typeof base !== "string" || base === "") {
    throw new ConfigError(
      `Cannot use "${from.label}": "extends" is ${JSON.stringify(base)}; allowed is text in quotes.`,
      {
        cure: "name a preset or a config file",
      },
    );
  }
  const isPreset = !/[/\\]|\.jsonc?$/.test(base);
  const file = isPreset ? `preset ${base}` : resolvePath(base, from.folder);
  const seen = [...from.seen, from.file];
  if (seen.includes(file) || seen.length > MAX_EXTENDS) {
    throw new ConfigError(`Cannot use "${from.label}": its "extends" leads round in a circle through "${base}".`, {
      cure: "take one of the extends out",
    });
  }
  if (isPreset) { // a preset's relative paths start where the file is that uses it
    return fileLayers(presetText(base), { label: file, folder: from.folder, file, seen });
  }
  const text = readConfigText(file, `the config that "${from.label}" extends`);
  return fileLayers(text, { label: basename(file), folder: dirname(file), file, seen });
}

function readConfigText(path: string, what: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    const missing = error instanceof Deno.errors.NotFound;
    throw new ConfigError(
      `Cannot read ${what}, "${path}": ${missing ? "there is no such file" : messageOf(error)}.`,
      { cure: "check the path", cause: error },
    );
  }
}

/** The value with every path in it made absolute; `at` is the value's own place in the config. */
function absolutePaths(value: Json, { at, folder }: { at: string; folder: string }): Json {
  if (typeof value === "string") {
    const keep = value === "" || (at === "data.cache.dir" && value === "auto");
    return PATHS.includes(at.replaceAll(/\.\d+/g, ".*")) && !keep ? resolvePath(value, folder) : value;
  }
  const inner = (key: string | number): string => at === "" ? String(key) : `${at}.${key}`;
  if (Array.isArray(value)) return value.map((item, i) => absolutePaths(item, { at: inner(i), folder }));
  if (!isObject(value)) return value;
  const result: JsonObject = Object.create(null);
  for (const [key, item] of Object.entries(value)) result[key] = absolutePaths(item, { at: inner(key), folder });
  return result;
}

function freeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    for (const item of Object.values(value)) freeze(item);
    Object.freeze(value);
  }
  return value;
}
