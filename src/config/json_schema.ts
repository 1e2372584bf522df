/** The config as JSON Schema (draft 2020-12), and what a place in it allows in words. */

import { z } from "zod";
import { configSchema } from "./schema.ts";

/** A JSON Schema, as far as the config uses it. */
export interface JsonSchema {
  $schema?: string;
  type?: string;
  const?: unknown;
  enum?: unknown[];
  anyOf?: JsonSchema[];
  /** The choices of a section that one word tells apart, such as an optimizer's name. */
  oneOf?: JsonSchema[];
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  prefixItems?: JsonSchema[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  multipleOf?: number;
  minItems?: number;
  default?: unknown;
  title?: string;
  description?: string;
  unit?: string;
  allowed?: string;
  [key: string]: unknown;
}

/** The JSON Schema of a config file, for editors: with `extends` and `$schema`, which the run's config has no more. */
export function configJsonSchema(): JsonSchema {
  const schema = inputSchema();
  schema.properties = {
    $schema: { type: "string", description: "Where an editor finds this schema." },
    extends: {
      type: "string",
      description: "A preset's name, or a config file, whose values hold where this one is silent.",
    },
    ...schema.properties,
  };
  schema.required = []; // a file may leave to `extends` and --set what a run needs
  return schema;
}

/** The schema of a complete config before its defaults are filled in. */
export function inputSchema(): JsonSchema {
  return z.toJSONSchema(configSchema, {
    io: "input",
    override: ({ jsonSchema }) => {
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  }) as JsonSchema;
}

/**
 * The schema at a path, or undefined where the config has no such place.
 * @param value the config's value at the schema's place: it tells which choice of a section is meant; without one, a
 *   section of choices counts as one that has the fields of all
 */
export function schemaAt(schema: JsonSchema, path: readonly PropertyKey[], value?: unknown): JsonSchema | undefined {
  let here: JsonSchema | undefined = schema;
  let there = value;
  for (const key of path) {
    const parent: JsonSchema | undefined = chosen(here, there);
    const one: JsonSchema | undefined = typeof key === "number"
      ? parent?.prefixItems?.[key] ?? parent?.items
      : parent?.properties?.[String(key)];
    here = here?.oneOf !== undefined && key === choosingKey(here.oneOf) ? anyChoice(here.oneOf) : one;
    if (here === undefined) return undefined;
    there = typeof there === "object" && there !== null ? (there as Record<PropertyKey, unknown>)[key] : undefined;
  }
  return here?.oneOf === undefined ? here : chosen(here, there);
}

/** The choice of a section that a value makes; one without the word that tells choices apart makes the first. */
function chosen(schema: JsonSchema | undefined, value: unknown): JsonSchema | undefined {
  if (schema?.oneOf === undefined) return schema?.anyOf?.find((choice) => choice.properties !== undefined) ?? schema;
  if (value === undefined) return mergedChoices(schema.oneOf);
  const key = choosingKey(schema.oneOf);
  const word = (value as Record<string, unknown> | null)?.[key];
  return schema.oneOf.find((choice) => choice.properties?.[key]?.const === word) ?? schema.oneOf[0];
}

/** The field whose word tells choices apart: each choice has one of its own. */
export function choosingKey(choices: readonly JsonSchema[]): string {
  const keys = Object.keys(choices[0]?.properties ?? {});
  return keys.find((key) => choices.every((choice) => choice.properties?.[key]?.const !== undefined)) ?? "";
}

/** The schema of the field that tells choices apart: any of their words. */
function anyChoice(choices: readonly JsonSchema[]): JsonSchema {
  const words = choices.map((choice) => choice.properties?.[choosingKey(choices)]);
  const { const: _, ...about } = words[0] ?? {};
  return { ...about, enum: words.map((word) => word?.const) };
}

/** One section with the fields of all choices: rarer ones say whose they are, and what is described otherwise is told for each. */
export function mergedChoices(choices: readonly JsonSchema[]): JsonSchema {
  const key = choosingKey(choices);
  const properties: Record<string, JsonSchema> = {};
  for (const [name, field] of choices.flatMap((choice) => Object.entries(choice.properties ?? {}))) {
    const owners = choices.filter((choice) => choice.properties?.[name] !== undefined);
    const told = Map.groupBy(owners, (owner) => owner.properties?.[name]?.description ?? "");
    const [first = "", ...others] = [...told].map(([description, group], i) => {
      const whose = group.map((owner) => owner.properties?.[key]?.const).join(", ");
      if (i > 0) return `For ${whose}: ${description}`;
      return group.length === choices.length ? description : `${description} For ${whose}.`;
    });
    properties[name] ??= { ...field, description: [first, ...others].join(" ") };
  }
  return { properties: { ...properties, [key]: anyChoice(choices) } };
}

/** What is allowed at a place, in words: `a whole number of at least 1`, `"skip" or "stop"`. */
export function allowedAt(schema: JsonSchema): string {
  if (schema.allowed !== undefined) return schema.allowed;
  if (schema.oneOf !== undefined) return "a section";
  if (schema.anyOf !== undefined) return schema.anyOf.map(allowedAt).join(" or ");
  if (schema.enum !== undefined) return orList(schema.enum.map((word) => JSON.stringify(word)));
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  switch (schema.type) {
    case "integer":
      return `a whole number${range(schema)}`;
    case "number":
      return `a number${range(schema)}`;
    case "string":
      return "text in quotes";
    case "boolean":
      return "true or false";
    case "null":
      return "null";
    case "array":
      return `a list${schema.minItems ? " of one or more" : ""}: ${schema.items ? allowedAt(schema.items) : "values"}`;
    case "object":
      return `a section { ${Object.keys(schema.properties ?? {}).join(", ")} }`;
    default:
      return "another value";
  }
}

function range(schema: JsonSchema): string {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  const parts: string[] = [];
  if (minimum !== undefined && maximum !== undefined) parts.push(`from ${minimum} to ${maximum}`);
  else if (minimum !== undefined) parts.push(`of at least ${minimum}`);
  else if (maximum !== undefined && exclusiveMinimum === undefined) parts.push(`of at most ${maximum}`);
  if (exclusiveMinimum !== undefined) parts.push(`above ${exclusiveMinimum}`);
  if (maximum !== undefined && exclusiveMinimum !== undefined) parts.push(`and at most ${maximum}`);
  if (exclusiveMaximum !== undefined) parts.push(`below ${exclusiveMaximum}`);
  if (multipleOf !== undefined) parts.push(`that is a multiple of ${multipleOf}`);
  return parts.length === 0 ? "" : ` ${parts.join(" ")}`;
}

function orList(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}
