/** `wantune model`: get, and `run`, one forward of a transformer on given tensors, to check numbers against another program's. */
import { type Command, Option } from "@commander-js/extra-typings";
import { formatDuration } from "../../base/mod.ts";
import { registerGet } from "../model/get.ts";
import { registerInfo } from "../model/info.ts";
import { registerInit } from "../model/init.ts";
import { printLine, warn } from "../output.ts";
import { deviceName, gather } from "../sample/options.ts";

/** Adds the command. */
export function register(program: Command): void {
  const model = program.command("model").description("Fetch, make, show and run models.");
  registerGet(model as Command);
  registerInit(model as Command);
  registerInfo(model as Command);
  model.command("run")
    .description(
      "One transformer forward. The input file holds hidden_states [B, C, T, h, w], timestep [B] or [B, tokens] and " +
        "encoder_hidden_states [B, S, D]; the output file gets `output`, in float32.",
    )
    .requiredOption("--model <folder>", "model folder in diffusers layout")
    .addOption(
      new Option("--expert <name>", "which of two transformers: transformer (high) or transformer_2 (low)")
        .choices(["high", "low"] as const),
    )
    .requiredOption("--inputs <file>", "safetensors file with the inputs")
    .requiredOption("--out <file>", "safetensors file to write")
    .option("--lora <file[:strength]>", "LoRA to apply, as often as needed", gather)
    .addOption(
      new Option("--dtype <name>", "number type of weights and computation").choices(["float32", "bfloat16"] as const)
        .default("float32" as const),
    )
    .option("--device <name>", "auto, cpu, cuda or cuda:N", deviceName, "auto")
    .option("--libtorch <folder>", "folder that holds libtorch.so")
    .option("--json", "print one JSON object")
    .action(run);
}

interface RunCommand {
  readonly model: string;
  readonly expert?: "high" | "low";
  readonly inputs: string;
  readonly out: string;
  readonly lora?: readonly string[];
  readonly dtype: "float32" | "bfloat16";
  readonly device: string;
  readonly libtorch?: string;
  readonly json?: true;
}

async function run(options: RunCommand): Promise<void> {
  const startedAt = performance.now();
  const { parseLora } = await import("../sample/lora.ts");
  const { loraUses } = await import("../sample/lora_use.ts");
  const { chooseTransformer, runTransformer } = await import("../sample/forward.ts");
  const { openLibtorch } = await import("../torch.ts");

  const { inputs, out, dtype, device } = options;
  const choice = chooseTransformer(options.model, options.expert);
  const choices = (options.lora ?? []).map((text) => ({ ...parseLora(text), expert: options.expert }));
  await openLibtorch({ libtorch: options.libtorch });
  const loras = loraUses(choices, { title: options.model, experts: choice.expert === "only" ? 1 : 2 });
  for (const message of loras.flatMap(({ warnings }) => warnings)) warn(message);
  const shape = runTransformer({ ...choice, inputs, out, loras, dtype, device });
  const seconds = (performance.now() - startedAt) / 1000;
  if (options.json) return printLine(JSON.stringify({ path: out, shape, seconds }));
  printLine(`saved ${out}: output [${shape.join(", ")}]; ${formatDuration(seconds)}`);
}
