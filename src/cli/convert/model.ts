/** `wantune convert model`: a whole model in diffusers layout, or its parts as single files under official names. */
import { basename, join } from "node:path";
import { type Command, Option } from "@commander-js/extra-typings";
import { ConfigError, formatBytes, formatDuration } from "../../base/mod.ts";
import type { ModelSource } from "../../wan/mod.ts";
import { addPartOptions, type ModelWishes, namedModel, PART_NAMES } from "../model/files.ts";
import { LiveLine, Pace } from "../live_line.ts";
import { printLine, warn } from "../output.ts";

/** What a model is saved in. */
export const SAVED_DTYPES = ["float32", "bfloat16", "float16"] as const;

/** Adds the command. */
export function registerModel(convert: Command): void {
  const command = convert.command("model")
    .description(
      "Writes a model in diffusers layout, or under the official names as single files, as ComfyUI loads them: one for " +
        "each part, in a folder, the tokenizer with the text encoder. Tensors go through memory one at a time.",
    )
    .argument(
      "<in>",
      "model folder, in diffusers' or the official layout or of single files; or a transformer's file, with the options below",
    )
    .argument("<out>", "folder to write")
    .addOption(
      new Option("--to <layout>", "what becomes of it").choices(["diffusers", "original"] as const)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option("--dtype <name>", "number type (default: as it is); fp8_scaled for single files alone")
        .choices([...SAVED_DTYPES, "fp8_scaled"] as const),
    )
    .option("--force", "replace a folder that convert or merge wrote earlier");
  addPartOptions(command);
  command
    .option("--libtorch <folder>", "folder that holds libtorch.so")
    .option("--json", "print one JSON object")
    .action((input, out, options) => convertModel(input, out, options as ModelCommand));
}

interface ModelCommand extends Omit<ModelWishes, "model"> {
  readonly to: "diffusers" | "original";
  readonly dtype?: typeof SAVED_DTYPES[number] | "fp8_scaled";
  readonly force?: true;
  readonly libtorch?: string;
  readonly json?: true;
}

async function convertModel(input: string, out: string, options: ModelCommand): Promise<void> {
  const startedAt = performance.now();
  const { describeModel, openModel, saveModel, spieceBytes } = await import("../../wan/mod.ts");
  const { checkPlace, madeBy, makeInPlace } = await import("./place.ts");
  const { openLibtorch } = await import("../torch.ts");

  const { to, dtype } = options;
  if (to === "diffusers" && dtype === "fp8_scaled") {
    throw new ConfigError("Cannot write fp8_scaled in diffusers layout: it has no place for the scales", {
      cure: "choose bfloat16, or --to original",
    });
  }
  const inputs = [input, ...PART_NAMES.map((name) => options[name])];
  const place = { kind: "folder", force: options.force === true, inputs } as const;
  checkPlace(out, place);
  await openLibtorch({ libtorch: options.libtorch });
  const model = openModel(namedModel({ ...options, model: input }) ?? input);
  model.checkWeights();
  for (const message of model.doubts) warn(message);
  const metadata = {
    ...describeModel({ title: basename(out), architecture: model.variant.name }),
    ...madeBy("convert"),
  };
  const tokenizer = to === "original" ? spieceBytes(model.placeOf("tokenizer")) : undefined;
  if (to === "original" && tokenizer === undefined) {
    warn(
      `ComfyUI needs the tokenizer in the text encoder's file, and takes SentencePiece's alone: there is no ` +
        `spiece.model at ${model.placeOf("tokenizer")}. Name one with --tokenizer.`,
    );
  }
  using line = new LiveLine();
  const pace = new Pace();
  const onProgress = ({ bytes, totalBytes }: { bytes: number; totalBytes: number }): void => {
    const text = pace.describe({ doneBytes: bytes, totalBytes, movedBytes: bytes });
    line.show(`writing ${out}`, text, { finished: bytes === totalBytes });
  };
  const { saveParts } = await import("./parts.ts");
  makeInPlace(out, place, (folder) => {
    if (to === "original") saveParts(model, folder, { dtype, tokenizer, metadata, onProgress });
    else if (dtype !== "fp8_scaled") saveModel(model, folder, { dtype, metadata, onProgress });
  });
  line.close();
  tellModel(out, { model, startedAt, json: options.json === true });
}

/** Says what was written. */
export function tellModel(
  out: string,
  { model, startedAt, json }: { model: ModelSource; startedAt: number; json: boolean },
): void {
  const entries = Array.from(filesBelow(out));
  const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  const seconds = (performance.now() - startedAt) / 1000;
  if (json) return printLine(JSON.stringify({ path: out, variant: model.variant.name, bytes, seconds }));
  printLine(
    `saved ${out}: ${model.variant.title}, ${entries.length} files, ${formatBytes(bytes)}; ${formatDuration(seconds)}`,
  );
}

function* filesBelow(folder: string): Generator<{ bytes: number }> {
  for (const entry of Deno.readDirSync(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory) yield* filesBelow(path);
    else yield { bytes: Deno.statSync(path).size };
  }
}
