/** Sections of a config as the schema completes them. */
import { parseConfig, type RunConfig, type TrainConfig } from "../../src/config/mod.ts";

/** A config of a run that no test starts; its sections are merged into the least there can be. */
export function runConfig(sections: Record<string, Record<string, unknown>> = {}): RunConfig {
  const least: Record<string, Record<string, unknown>> = {
    model: { weights: "." },
    data: { sources: [{ path: "." }] },
    train: { steps: 10 },
  };
  const keys = new Set([...Object.keys(least), ...Object.keys(sections)]);
  const merged = Object.fromEntries([...keys].map((key) => [key, { ...least[key], ...sections[key] }]));
  return parseConfig(JSON.stringify({ name: "test", ...merged }), { path: "/nowhere/test.jsonc" });
}

/** Section `train`. */
export function trainSection(values: Record<string, unknown> = {}): TrainConfig {
  return runConfig({ train: values }).train;
}
