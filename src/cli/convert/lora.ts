/** `wantune convert lora`: an adapter file in the naming of another program. */
import { type Command, Option } from "@commander-js/extra-typings";
import { ConfigError } from "../../base/mod.ts";
import { printLine, warn } from "../output.ts";
import type { AdapterComponent, AdapterModules } from "../../weights/mod.ts";

/** Adds the command. */
export function registerLora(convert: Command): void {
  convert.command("lora")
    .description(
      "Writes a LoRA, LoKr, LoHa or DoRA under other names; its numbers stay as they are. diffusers takes LoRA and DoRA " +
        "alone. No program's names say which of two experts a file is for: --expert takes one out of a file of both.",
    )
    .argument("<in>", "safetensors file in any naming")
    .argument("<out>", "safetensors file to write")
    .addOption(
      new Option("--to <naming>", "whose names").choices(["diffusers", "comfyui", "musubi"] as const)
        .makeOptionMandatory(),
    )
    .addOption(new Option("--expert <name>", "which of two experts it is for").choices(["high", "low"] as const))
    .addOption(
      new Option("--dtype <name>", "number type (default: as it is)")
        .choices(["float32", "bfloat16", "float16"] as const),
    )
    .option("--force", "replace a file that convert wrote earlier")
    .option("--libtorch <folder>", "folder that holds libtorch.so")
    .option("--json", "print one JSON object")
    .action(convertLora);
}

interface LoraCommand {
  readonly to: "diffusers" | "comfyui" | "musubi";
  readonly expert?: "high" | "low";
  readonly dtype?: "float32" | "bfloat16" | "float16";
  readonly force?: true;
  readonly libtorch?: string;
  readonly json?: true;
}

async function convertLora(input: string, out: string, options: LoraCommand): Promise<void> {
  const { AdapterFile, expertEntry, expertInHeader, saveAdapters } = await import("../../weights/mod.ts");
  const { dirname } = await import("node:path");
  const { makeFolder } = await import("../../base/mod.ts");
  const { checkPlace, madeBy } = await import("./place.ts");
  const { openLibtorch } = await import("../torch.ts");

  const { to, expert, dtype } = options;
  checkPlace(out, { kind: "file", force: options.force === true, inputs: [input] });
  await openLibtorch({ libtorch: options.libtorch });
  using file = AdapterFile.open(input);
  if (file.assumption !== undefined) warn(`of ${input}: ${file.assumption}`);
  using stack = new DisposableStack();
  const models: Partial<Record<AdapterComponent, AdapterModules["modules"]>> = {};
  const wanted: AdapterComponent = expert === "low" ? "transformer_2" : "transformer";
  const both = file.components.filter((name) => name !== "text_encoder").length > 1;
  if (both && expert === undefined) {
    throw new ConfigError(`Cannot write "${out}" as one file: ${input} holds LoRAs of both experts`, {
      cure: "convert it twice, with --expert high and with --expert low",
    });
  }
  const said = expertInHeader(file.metadata);
  if (!both && expert !== undefined && said !== undefined && said !== expert) {
    throw new ConfigError(
      `Cannot write "${out}" for the ${expert}-noise expert: ${input} is for the ${said}-noise one`,
      {
        cure: `say --expert ${said}, or leave --expert out`,
      },
    );
  }
  for (const component of file.components) {
    if (component === "text_encoder") models[component] = stack.use(file.read(component)).modules;
    else if (expert === undefined) models[component ?? "transformer"] = stack.use(file.read(component)).modules;
  }
  if (expert !== undefined) models[wanted] = stack.use(file.read(file.componentFor(wanted))).modules;
  const isFor = expert ?? (models.transformer_2 === undefined ? undefined : "low"); // what names no longer tell
  const own = new Set(["format", "lora_adapter_metadata"]); // of the naming, written anew
  const metadata = {
    ...Object.fromEntries([...file.metadata].filter(([key]) => !own.has(key))),
    ...(isFor === undefined ? {} : expertEntry(file.metadata, isFor)),
    ...madeBy("convert"),
  };
  makeFolder(dirname(out));
  saveAdapters(out, models, { naming: to === "comfyui" ? "comfy" : to, dtype, metadata });
  if (to === "diffusers" && models.text_encoder !== undefined) {
    warn(`diffusers loads no adapters of WAN's text encoder: those in ${out} are without effect there`);
  }
  const numModules = Object.values(models).reduce((sum, modules) => sum + modules.size, 0);
  if (options.json) {
    return printLine(JSON.stringify({ path: out, naming: to, numModules, models: Object.keys(models) }));
  }
  printLine(`saved ${out}: ${numModules} modules in the naming of ${to}, for ${Object.keys(models).join(" and ")}`);
}
