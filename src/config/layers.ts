/** The places that values come from (presets, the file, --set), merged so that each value can be traced back. */

import { findNodeAtLocation, type Node, type ParseError, parseTree, printParseErrorCode } from "jsonc-parser";
import { ConfigError } from "../base/mod.ts";

/** JSON values as they stand in a file; objects have no prototype, so that no key is special. */
export type Json = null | boolean | number | string | Json[] | JsonObject;
/** A JSON object. */
export interface JsonObject {
  [key: string]: Json;
}

/** One source of values. */
export interface Layer {
  readonly value: JsonObject;
  /** Where a path is set by this layer, such as `"lora.jsonc", line 3`; undefined where it is not. */
  where(path: readonly PropertyKey[]): string | undefined;
}

/**
 * Reads a JSONC text (comments and trailing commas are allowed) into a layer.
 * @throws {ConfigError} for broken JSON, a key that stands twice, or anything but an object
 */
export function fileLayer(text: string, label: string): Layer {
  const errors: ParseError[] = [];
  const root = parseTree(text.replace(/^\uFEFF/, " "), errors, { allowTrailingComma: true });
  const place = (offset: number): string => `"${label}", line ${text.slice(0, offset).split("\n").length}`;
  const [error] = errors;
  if (error !== undefined) {
    throw new ConfigError(`Cannot read ${place(error.offset)}: ${words(printParseErrorCode(error.error))}.`, {
      cure: "mend the JSON there; comments and trailing commas are allowed",
    });
  }
  if (root?.type !== "object") {
    throw new ConfigError(`Cannot read "${label}": it must hold one JSON object { ... }.`, {
      cure: 'start from a preset: { "extends": "ti2v-5b-lora-24gb", ... }',
    });
  }
  const value = toValue(root, (key, offset) => {
    throw new ConfigError(`Cannot read ${place(offset)}: the key "${key}" stands there a second time.`, {
      cure: "keep one of the two",
    });
  }) as JsonObject;
  return {
    value,
    where: (path) => {
      const node = findNodeAtLocation(root, path.map((key) => typeof key === "number" ? key : String(key)));
      return node && place(node.parent?.type === "property" ? node.parent.offset : node.offset);
    },
  };
}

/** The lower layer with the upper one laid over it: objects are merged key by key, all else is replaced. */
export function merge(lower: Json | undefined, upper: Json): Json {
  if (!isObject(upper)) return Array.isArray(upper) ? upper.map((item) => merge(undefined, item)) : upper;
  const result: JsonObject = Object.create(null);
  if (isObject(lower)) { for (const [key, item] of Object.entries(lower)) result[key] = merge(undefined, item); }
  for (const [key, item] of Object.entries(upper)) result[key] = merge(result[key], item);
  return result;
}

/** Whether a JSON value is an object (not a list, not null). */
export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function toValue(node: Node, twice: (key: string, offset: number) => never): Json {
  if (node.type === "array") return (node.children ?? []).map((item) => toValue(item, twice));
  if (node.type !== "object") return node.value as Json;
  const result: JsonObject = Object.create(null);
  for (const property of node.children ?? []) {
    const [key, value] = property.children ?? [];
    if (key === undefined || value === undefined) continue;
    const name = String(key.value);
    if (name in result) twice(name, key.offset);
    result[name] = toValue(value, twice);
  }
  return result;
}

/** `CloseBraceExpected` as `close brace expected`. */
function words(code: string): string {
  return code.replaceAll(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
}
