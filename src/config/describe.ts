/** The fields of a config in words, read off the schema. */

import { ConfigError, nearest } from "../base/mod.ts";
import { allowedAt, inputSchema, type JsonSchema, mergedChoices, schemaAt } from "./json_schema.ts";

/** One field as people read about it. */
export interface FieldDescription {
  /** Its dotted path; `*` stands for any item of a list. */
  readonly path: string;
  readonly title: string;
  readonly description: string;
  /** What may stand there, in words. */
  readonly allowed: string;
  readonly unit?: string | undefined;
  /** Absent where the field has none. */
  readonly default?: unknown;
}

/**
 * Every field at or below a place of the config, in the schema's order.
 * @param section its dotted path; empty for all
 * @throws {ConfigError} if the config has no such place
 */
export function describeFields(section: string): FieldDescription[] {
  const root = inputSchema();
  const path = section === "" ? [] : section.split(".");
  const start = schemaAt(root, path);
  if (start === undefined) {
    const known = sections(root, "");
    const near = nearest(section, known);
    throw new ConfigError(`Cannot explain "${section}": the config has no such place.`, {
      cure: near === undefined ? `known are ${known.join(", ")}` : `write "${near}"`,
    });
  }
  return below(start, section);
}

function below(schema: JsonSchema, path: string): FieldDescription[] {
  const section = sectionOf(schema);
  if (section !== undefined) {
    return Object.entries(section.properties ?? {}).flatMap(([key, inner]) => below(inner, join(path, key)));
  }
  const { title = "", description = "", unit, default: value } = schema;
  const own: FieldDescription = { path, title, description, allowed: allowedAt(schema), unit, default: value };
  const item = schema.items === undefined ? undefined : sectionOf(schema.items);
  return [own, ...(item === undefined ? [] : below(item, join(path, "*")))];
}

/** The object with named fields that a schema is; undefined where other values stand beside it. */
function sectionOf(schema: JsonSchema): JsonSchema | undefined {
  if (schema.oneOf !== undefined) return mergedChoices(schema.oneOf);
  return schema.properties === undefined ? undefined : schema;
}

function sections(schema: JsonSchema, path: string): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, inner]) =>
    sectionOf(inner) === undefined ? [] : [join(path, key), ...sections(inner, join(path, key))]
  );
}

function join(path: string, key: string): string {
  return path === "" ? key : `${path}.${key}`;
}
