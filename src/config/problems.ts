/** What is wrong with a config, one line per problem: where, which key, what stands there, what is allowed. */

import type { z } from "zod";
import { ConfigError, nearest } from "../base/mod.ts";
import { allowedAt, choosingKey, inputSchema, type JsonSchema, schemaAt } from "./json_schema.ts";
import type { Json, Layer } from "./layers.ts";

type Path = readonly PropertyKey[];

/**
 * The error that lists every problem.
 * @param issues what the schema found
 * @param config the merged values it looked at
 * @param layers where the values came from, lowest first
 * @param label the config file's name
 */
export function configError(
  issues: readonly z.core.$ZodIssue[],
  config: Json,
  { layers, label }: { layers: readonly Layer[]; label: string },
): ConfigError {
  const schema = inputSchema();
  const where = (path: Path): string =>
    layers.toReversed().map((layer) => layer.where(path)).find((place) => place !== undefined) ?? `"${label}"`;
  const lines = issues.flatMap(insideChoice).flatMap((issue) =>
    issue.code === "unrecognized_keys"
      ? issue.keys.map((key) => unknownKey([...issue.path, key], config, { schema, where }))
      : [wrongValue(issue, config, { schema, where })]
  );
  return new ConfigError(lines.join("\n"));
}

/** What is wrong inside the choice that was meant, where several kinds of values are allowed and one has the value's. */
function insideChoice(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== "invalid_union") return [issue];
  const isInside = (inner: z.core.$ZodIssue): boolean => inner.path.length > 0 || inner.code === "unrecognized_keys";
  const meant = issue.errors.find((inner) => inner.every(isInside));
  return meant?.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })) ?? [issue];
}

function unknownKey(
  path: Path,
  config: Json,
  { schema, where }: { schema: JsonSchema; where: (path: Path) => string },
): string {
  const name = String(path.at(-1));
  const inside = path.slice(0, -1);
  const found = schemaAt(schema, inside, config);
  const section = found?.anyOf?.find((choice) => choice.properties !== undefined) ?? found;
  const right = Object.keys(section?.properties ?? {});
  const start = `Cannot use ${where(path)}: unknown key "${dotted(path)}"`;
  const others = schemaAt(schema, inside.slice(0, -1), config)?.properties?.[String(inside.at(-1))]?.oneOf ?? [];
  const wordOf = (choice: JsonSchema): string => String(choice.properties?.[choosingKey(others)]?.const);
  const owners = others.filter((choice) => choice.properties?.[name] !== undefined).map(wordOf);
  if (section !== undefined && owners.length > 0) {
    return `${start} for ${wordOf(section)}; it belongs to ${owners.join(", ")}`;
  }
  const near = nearest(name, right);
  const meant = near === undefined ? pathsTo(name, schema)[0] : dotted([...inside, near]);
  const hint = meant === undefined ? `known here: ${right.join(", ")}` : `did you mean "${meant}"?`;
  return `${start}; ${hint}`;
}

function wrongValue(
  issue: z.core.$ZodIssue,
  config: Json,
  { schema, where }: { schema: JsonSchema; where: (path: Path) => string },
): string {
  const place = schemaAt(schema, issue.path, config);
  const allowed = issue.code === "custom" ? issue.message : place === undefined ? issue.message : allowedAt(place);
  const value = valueAt(config, issue.path);
  if (value === undefined) {
    const purpose = place?.description === undefined ? "" : ` (${place.description.replace(/\.$/, "")})`;
    return `Cannot use ${where(issue.path)}: "${dotted(issue.path)}" is missing${purpose}; allowed is ${allowed}.`;
  }
  return `Cannot use ${where(issue.path)}: "${dotted(issue.path)}" is ${short(value)}; allowed is ${allowed}.`;
}

/** All places in the config whose key is this name, for a key that was put into the wrong section. */
function pathsTo(name: string, schema: JsonSchema, path: readonly string[] = []): string[] {
  return [schema, ...schema.oneOf ?? []].flatMap(({ properties = {} }) =>
    Object.entries(properties).flatMap(([key, inner]) => [
      ...(key === name ? [[...path, key].join(".")] : []),
      ...pathsTo(name, inner, [...path, key]),
    ])
  );
}

function valueAt(config: Json, path: Path): Json | undefined {
  let here: Json | undefined = config;
  for (const key of path) {
    if (typeof here !== "object" || here === null) return undefined;
    here = (here as Record<PropertyKey, Json>)[key];
  }
  return here;
}

function dotted(path: Path): string {
  return path.map(String).join(".");
}

function short(value: Json): string {
  const text = JSON.stringify(value);
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
}
