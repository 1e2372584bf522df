/** Sections of a config as the schema completes them. */
import { parseConfig, type SettledConfig } from "../../src/config/mod.ts";
import { settleSteps } from "../../src/train/length.ts";

/** A config of a run that no test starts; its sections are merged into the least there can be. */
export function runConfig(sections: Record<string, Record<string, unknown>> = {}): SettledConfig {
  const least: Record<string, Record<string, unknown>> = {
    model: { weights: "." },
    data: { sources: [{ path: "." }] },
    train: { steps: 10 },
  };
  const keys = new Set([...Object.keys(least), ...Object.keys(sections)]);
  const merged = Object.fromEntries([...keys].map((key) => [key, { ...least[key], ...sections[key] }]));
  const config = parseConfig(JSON.stringify({ name: "test", ...merged }), { path: "/nowhere/test.jsonc" });
  return settleSteps(config, { batchesPerEpoch: 1 });
}

/** Section `train`. */
export function trainSection(values: Record<string, unknown> = {}): SettledConfig["train"] {
  return runConfig({ train: values }).train;
}
