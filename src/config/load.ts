/** From a file, the presets it extends and the flags to one frozen config. */

import { basename, dirname, resolve } from "node:path";
import { ConfigError, messageOf, resolvePath } from "../base/mod.ts";
import { beneath, layOver, makesChoice } from "./choices.ts";
import { type ConfigExpert, expertValues } from "./experts.ts";
import { freeze } from "./freeze.ts";
import { fileLayer, isObject, type Json, type JsonObject, type Layer, merge } from "./layers.ts";
import { applyOverride, overrideLayer, parseOverride } from "./overrides.ts";
import { presetText } from "./presets.ts";
import { configError } from "./problems.ts";
import { configSchema, type RunConfig } from "./schema.ts";

/** Places of the config that hold a path; `*` is every item of a list. */
const PATHS = [
  "runsDir",
  "model.weights",
  "method.init",
  "sample.images.*",
  "train.experts.high.method.init",
  "train.experts.low.method.init",
  "data.cache.dir",
  "data.sources.*.path",
  "validation.sources.*.path",
  "data.captions.list",
  "data.sources.*.captions.list",
  "validation.sources.*.captions.list",
];
/** A section of which every text is a path. */
const FILES = /^model\.weights\.\w+$/;

/** Those of them that a run makes. */
const WRITTEN = ["runsDir", "data.cache.dir"];

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
  const overrides = (options.set ?? []).map(parseOverride)
    .toSorted((a, b) => Number(makesChoice(b.path)) - Number(makesChoice(a.path)));
  const least: JsonObject = Object.assign(Object.create(null), { name: label.replace(/\.(jsonc|json)$/, "") });
  let merged = layers.reduce((below, layer) => layOver(below, layer.value), least);
  for (const override of overrides) {
    const value = absolutePaths(override.value, { at: override.path.join("."), folder: Deno.cwd() });
    const alone = applyOverride(Object.create(null), { path: override.path, value });
    merged = applyOverride(beneath(merged, alone), { path: override.path, value });
  }
  const result = configSchema.safeParse(merged);
  if (!result.success) {
    const sources = [...layers, ...overrides.map(overrideLayer)];
    throw configError(result.error.issues, merged, { layers: sources, label });
  }
  for (const expert of Object.keys(result.data.train.experts ?? {}) as ConfigExpert[]) {
    const values = expertValues(result.data as unknown as JsonObject, expert);
    const own = configSchema.safeParse(values);
    if (own.success) continue;
    throw configError(own.error.issues, values, { layers: [], label: `${label}, train.experts.${expert}` });
  }
  const { name = "", runsDir } = result.data;
  return freeze({ ...result.data, name, runsDir: resolvePath(runsDir, folder) });
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

/** The files and folders that a config reads from, as absolute paths; each once. */
export function readPaths(config: RunConfig): string[] {
  const found = new Set<string>();
  const walk = (value: unknown, at: string): void => {
    if (typeof value === "string") {
      const isRead = isPath(at) && !WRITTEN.includes(at);
      if (isRead) found.add(value);
    } else if (typeof value === "object" && value !== null) {
      for (const [key, inner] of Object.entries(value)) walk(inner, at === "" ? key : `${at}.${key}`);
    }
  };
  walk(config, "");
  return [...found];
}

/** Whether a place of the config holds a path. */
function isPath(at: string): boolean {
  return PATHS.includes(at.replaceAll(/\.\d+/g, ".*")) || FILES.test(at);
}

/** The value with every path in it made absolute; `at` is the value's own place in the config. */
function absolutePaths(value: Json, { at, folder }: { at: string; folder: string }): Json {
  if (typeof value === "string") {
    const keep = value === "" || (at === "data.cache.dir" && value === "auto");
    return isPath(at) && !keep ? resolvePath(value, folder) : value;
  }
  const inner = (key: string | number): string => at === "" ? String(key) : `${at}.${key}`;
  if (Array.isArray(value)) return value.map((item, i) => absolutePaths(item, { at: inner(i), folder }));
  if (!isObject(value)) return value;
  const result: JsonObject = Object.create(null);
  for (const [key, item] of Object.entries(value)) result[key] = absolutePaths(item, { at: inner(key), folder });
  return result;
}
