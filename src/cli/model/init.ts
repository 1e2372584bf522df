/** `wantune model init`: a new model with random weights. */

import { join } from "node:path";
import { type Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { ConfigError, formatBytes, formatDuration, nearest, Stopped } from "../../base/mod.ts";
import { LiveLine, Pace } from "../live_line.ts";
import { printLine } from "../output.ts";
import { nonEmpty, whole } from "../sample/options.ts";
import type { ModelPartName, Variant } from "../../wan/mod.ts";

/** Adds the command. */
export function registerInit(model: Command): void {
  model.command("init")
    .description(
      "Make a model with random weights in diffusers layout: a small one of the variant's structure, to try things out " +
        "in seconds, or one of the published size.",
    )
    .argument("<variant>", "such as wan2.2-ti2v-5b", nonEmpty)
    .option("--tiny", "small: a few million numbers")
    .option("--random", "of the published size: tens of gigabytes")
    .option("--out <folder>", "where to (default: models/<variant>-tiny or -random)", nonEmpty)
    .addOption(
      new Option(
        "--dtype <name>",
        "number type of transformers and text encoder (default: float32 for tiny, else bfloat16)",
      )
        .choices(["bfloat16", "float32"] as const),
    )
    .option("--only <parts>", "parts, such as transformer,vae; commas between", list)
    .option("--seed <number>", "seed of the weights", whole(0), 0)
    .option("--libtorch <folder>", "folder that holds libtorch.so")
    .option("--json", "print one JSON object")
    .action(init);
}

interface InitCommand {
  readonly tiny?: true;
  readonly random?: true;
  readonly out?: string;
  readonly dtype?: "bfloat16" | "float32";
  readonly only?: readonly string[];
  readonly seed: number;
  readonly libtorch?: string;
  readonly json?: true;
}

async function init(name: string, options: InitCommand): Promise<void> {
  const startedAt = performance.now();
  const { tiny = false, random = false, seed } = options;
  if (tiny === random) {
    throw new ConfigError(
      `Cannot make a model: ${tiny ? "--tiny and --random exclude each other" : "its size is open"}.`,
      {
        cure: "say --tiny for a small one, --random for one of the published size",
      },
    );
  }
  const { partsOf, publishedSizes, tinySizes, writeFreshModel } = await import("../../wan/mod.ts");
  const { openLibtorch } = await import("../torch.ts");
  const { StopSignals } = await import("../signals.ts");
  const variant = await variantCalled(name);
  const only = options.only && knownParts(options.only, partsOf(variant));
  const folder = options.out ?? join("models", `${variant.name}-${tiny ? "tiny" : "random"}`);
  const dtype = options.dtype ?? (tiny ? "float32" : "bfloat16");
  await openLibtorch({ libtorch: options.libtorch });
  using signals = await StopSignals.listen();
  using line = new LiveLine();
  const pace = new Pace();
  const bytes = writeFreshModel(folder, {
    variant,
    sizes: tiny ? tinySizes(variant) : publishedSizes(variant),
    dtype,
    seed,
    only,
    onProgress: ({ part, ...progress }) => {
      if (signals.requested) throw new Stopped("Stopped; the part that was being made is gone, others are kept.");
      line.show(`making ${part}`, pace.describe(progress));
    },
  });
  line.close();
  const seconds = (performance.now() - startedAt) / 1000;
  if (options.json) return printLine(JSON.stringify({ folder, variant: variant.name, dtype, seed, bytes, seconds }));
  const parts = (only ?? partsOf(variant)).join(", ");
  printLine(`saved ${folder}: ${variant.title}, ${parts}, ${formatBytes(bytes)}; ${formatDuration(seconds)}`);
}

/** The variant of a name. @throws {ConfigError} naming what was probably meant */
export async function variantCalled(name: string): Promise<Variant> {
  const { VARIANTS } = await import("../../wan/mod.ts");
  const found = VARIANTS.find((variant) => variant.name === name.toLowerCase());
  if (found !== undefined) return found;
  const names = VARIANTS.map((variant) => variant.name);
  const meant = nearest(name, names);
  throw new ConfigError(`Cannot find a variant "${name}".`, {
    cure: meant === undefined ? `variants are ${names.join(", ")}` : `did you mean ${meant}?`,
  });
}

function knownParts(wanted: readonly string[], parts: readonly ModelPartName[]): ModelPartName[] {
  return wanted.map((name) => {
    const found = parts.find((part) => part === name);
    if (found !== undefined) return found;
    throw new ConfigError(`Cannot make "${name}": the model has no such part.`, {
      cure: `parts are ${parts.join(", ")}`,
    });
  });
}

function list(text: string): string[] {
  const parts = text.split(",").map((part) => part.trim()).filter((part) => part !== "");
  if (parts.length > 0) return parts;
  throw new InvalidArgumentError("It is empty.");
}
