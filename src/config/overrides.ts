/** `--set a.b=value`: single values laid over a config. */

import { ConfigError } from "../base/mod.ts";
import { isObject, type Json, type JsonObject, type Layer, merge } from "./layers.ts";

/** One `--set`, taken apart. */
export interface Override {
  readonly path: readonly string[];
  readonly value: Json;
}

/**
 * Takes `a.b=value` apart. The value is JSON where it reads as JSON, else text.
 * @throws {ConfigError} if there is no `=` or no path
 */
export function parseOverride(text: string): Override {
  const at = text.indexOf("=");
  const path = text.slice(0, Math.max(at, 0)).trim().split(".");
  if (at < 1 || path.some((key) => key === "")) {
    throw new ConfigError(`Cannot understand --set ${JSON.stringify(text)}: it has no path and value.`, {
      cure: "write it as --set section.key=value, for example --set train.steps=500",
    });
  }
  return { path, value: parseValue(text.slice(at + 1)) };
}

/** The config with one value replaced; a number in the path picks an item of a list. */
export function applyOverride(config: JsonObject, { path, value }: Override): JsonObject {
  return replaced(config, path, value) as JsonObject;
}

/** A layer which knows that the values under its path came from `--set`. */
export function overrideLayer(override: Override): Layer {
  const own = override.path.join(".");
  return {
    value: Object.create(null),
    where: (path) => {
      const asked = path.map(String).join(".");
      return asked === own || asked.startsWith(`${own}.`) || own.startsWith(`${asked}.`) ? `--set ${own}` : undefined;
    },
  };
}

function replaced(here: Json | undefined, path: readonly string[], value: Json): Json {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  if (Array.isArray(here) && /^\d+$/.test(key) && Number(key) <= here.length) {
    const list = [...here];
    list[Number(key)] = replaced(list[Number(key)], rest, value);
    return list;
  }
  const result = merge(undefined, isObject(here) ? here : Object.create(null)) as JsonObject;
  result[key] = replaced(result[key], rest, value);
  return result;
}

function parseValue(text: string): Json {
  try {
    return merge(undefined, JSON.parse(text) as Json);
  } catch {
    return text;
  }
}
