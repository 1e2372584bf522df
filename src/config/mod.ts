/** The config of a run: schema, files, presets and overrides. */

export { configDifferences, type Difference } from "./compare.ts";
export * from "./schema.ts";
export { TARGET_PRESETS } from "./sections/method.ts";
export { configJsonSchema, type JsonSchema } from "./json_schema.ts";
export { describeFields, type FieldDescription } from "./describe.ts";
export { type ConfigExpert, expertConfig } from "./experts.ts";
export { type OutputFormat, savedFormats } from "./saved_formats.ts";
export { loadConfig, parseConfig, readPaths } from "./load.ts";
export { presetNames, presetPurpose, presetText, starterConfig } from "./presets.ts";
