/** `wantune config new|check|show|schema|fields|presets`: the config without a run. */

import { existsSync } from "node:fs";
import type { Command } from "@commander-js/extra-typings";
import { ConfigError, writeAtomically } from "../../base/mod.ts";
import { oneLine, printLine } from "../output.ts";
import { columns } from "../table.ts";

/** Adds the command. */
export function register(program: Command): void {
  const config = program.command("config").description("Make, check and explain configs.");
  config.command("new")
    .description("Write a config that starts from a preset and names what is yours to fill in.")
    .argument("<file>", "the new file, such as my.jsonc")
    .requiredOption("--preset <name>", "the preset it extends; `wantune config presets` lists them")
    .action(newConfig);
  config.command("check")
    .description("Check a config: every problem with its line and what is allowed. Files it names need not be there.")
    .argument("<config>", "config file (JSONC)")
    .option("--set <key=value>", "override a value of the config, as often as needed", gather, [])
    .action(check);
  config.command("show")
    .description("Print the complete config as JSON: presets merged, defaults filled in, paths absolute.")
    .argument("<config>", "config file (JSONC)")
    .option("--set <key=value>", "override a value of the config, as often as needed", gather, [])
    .action(async (path, { set }) => {
      const { loadConfig } = await import("../../config/mod.ts");
      printLine(JSON.stringify(loadConfig(path, { set }), null, 2));
    });
  config.command("schema")
    .description("Print the JSON Schema of a config, for editors.")
    .action(async () => {
      const { configJsonSchema } = await import("../../config/mod.ts");
      printLine(JSON.stringify(configJsonSchema(), null, 2));
    });
  config.command("fields")
    .description("Explain the fields of a config, or of one section: default, what is allowed, what it does.")
    .argument("[section]", "such as train, or train.timesteps")
    .option("--json", "print one JSON object a line")
    .action(fields);
  config.command("presets")
    .description("List the presets that a config can extend.")
    .option("--json", "print one JSON object a line")
    .action(presets);
}

async function newConfig(path: string, { preset }: { preset: string }): Promise<void> {
  const { parseConfig, starterConfig } = await import("../../config/mod.ts");
  if (existsSync(path)) {
    throw new ConfigError(`Cannot write "${path}": the file is there already.`, { cure: "choose another name" });
  }
  const text = starterConfig(preset);
  parseConfig(text, { path });
  writeAtomically(path, text);
  printLine(`wrote ${path}: fill in what it marks, then \`wantune data ${path}\` and \`wantune train ${path}\``);
}

async function check(path: string, { set }: { set: string[] }): Promise<void> {
  const { loadConfig, readPaths } = await import("../../config/mod.ts");
  const config = loadConfig(path, { set });
  printLine(`${oneLine(path)}: the config is right (run "${oneLine(config.name)}", ${config.method.kind})`);
  for (const missing of readPaths(config).filter((each) => !existsSync(each))) {
    printLine(`not there yet: ${oneLine(missing)}`);
  }
}

async function fields(section: string | undefined, { json }: { json?: true }): Promise<void> {
  const { describeFields } = await import("../../config/mod.ts");
  const described = describeFields(section ?? "");
  if (json) return described.forEach((field) => printLine(JSON.stringify(field)));
  described.forEach(({ path, allowed, unit, description, default: value }) => {
    printLine(value === undefined ? path : `${path} = ${JSON.stringify(value)}`);
    printLine(`    ${description}`);
    printLine(`    Allowed: ${allowed}${unit === undefined ? "" : `, in ${unit}`}.`);
  });
}

async function presets({ json }: { json?: true }): Promise<void> {
  const { presetNames, presetPurpose } = await import("../../config/mod.ts");
  const rows = presetNames().map((name) => [name, presetPurpose(name)]);
  if (json) rows.forEach(([name, purpose]) => printLine(JSON.stringify({ name, purpose })));
  else columns(rows).forEach(printLine);
}

function gather(value: string, values: string[]): string[] {
  return [...values, value];
}
