/** The config of a run: schema, files, presets and overrides. */

export * from "./schema.ts";
export { configJsonSchema, type JsonSchema } from "./json_schema.ts";
export { loadConfig, parseConfig } from "./load.ts";
export { presetNames, presetText } from "./presets.ts";
