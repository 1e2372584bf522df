/** `wantune merge`: a model with adapters worked into its weights. */
import { basename } from "node:path";
import { type Command, Option } from "@commander-js/extra-typings";
import { ConfigError } from "../../base/mod.ts";
import { SAVED_DTYPES, tellModel } from "../convert/model.ts";
import { addPartOptions, type ModelWishes, namedModel, PART_NAMES } from "../model/files.ts";
import { LiveLine, Pace } from "../live_line.ts";
import { printLine, warn } from "../output.ts";
import { gather } from "../sample/options.ts";

/** Adds the command. */
export function register(program: Command): void {
  const command = program.command("merge")
    .description(
      "Writes a model in diffusers layout with adapters worked into its weights; the sums are made in float32, one tensor " +
        "at a time.",
    )
    .requiredOption("--model <folder>", "model folder, in any layout, or a transformer's file")
    .option("--lora <file[:strength]>", "LoRA, LoKr, LoHa or DoRA to merge, as often as needed", gather)
    .option("--high-lora <file[:strength]>", "likewise, for the high-noise expert alone", gather)
    .option("--low-lora <file[:strength]>", "likewise, for the low-noise expert alone", gather)
    .requiredOption("--out <folder>", "folder to write")
    .addOption(
      new Option(
        "--expert <name>",
        "which of two transformers the files of --lora are for (default: as they say, or both)",
      )
        .choices(["high", "low"] as const),
    )
    .addOption(new Option("--dtype <name>", "number type (default: as it is)").choices(SAVED_DTYPES))
    .option("--force", "replace a folder that convert or merge wrote earlier");
  addPartOptions(command);
  command
    .option("--libtorch <folder>", "folder that holds libtorch.so")
    .option("--json", "print one JSON object")
    .action((options) => merge(options as MergeCommand));
}

interface MergeCommand extends ModelWishes {
  readonly model: string;
  readonly lora?: readonly string[];
  readonly highLora?: readonly string[];
  readonly lowLora?: readonly string[];
  readonly out: string;
  readonly expert?: "high" | "low";
  readonly dtype?: typeof SAVED_DTYPES[number];
  readonly force?: true;
  readonly libtorch?: string;
  readonly json?: true;
}

async function merge(options: MergeCommand): Promise<void> {
  const startedAt = performance.now();
  const { describeModel, openModel, saveModel } = await import("../../wan/mod.ts");
  const { mergedParts } = await import("../convert/merged.ts");
  const { checkPlace, madeBy, makeInPlace } = await import("../convert/place.ts");
  const { chosenLoras } = await import("../sample/lora.ts");
  const { loraUses } = await import("../sample/lora_use.ts");
  const { openLibtorch } = await import("../torch.ts");

  const { out, expert, dtype } = options;
  const choices = chosenLoras(options).map((choice) => ({ ...choice, expert: choice.expert ?? expert }));
  if (choices.length === 0) {
    throw new ConfigError("Cannot merge: no adapter was named", {
      cure: "name its file with --lora, --high-lora or --low-lora",
    });
  }
  const inputs = [options.model, ...PART_NAMES.map((name) => options[name]), ...choices.map(({ path }) => path)];
  const place = { kind: "folder", force: options.force === true, inputs } as const;
  checkPlace(out, place);
  await openLibtorch({ libtorch: options.libtorch });
  const model = openModel(namedModel(options) ?? options.model);
  model.checkWeights();
  if (expert !== undefined && model.variant.experts === 1) {
    throw new ConfigError(`Cannot merge into one expert of ${model.variant.title}: it has one transformer`, {
      cure: "leave --expert out",
    });
  }
  const uses = loraUses(choices, model.variant);
  if (options.json !== true) { for (const { sentence } of uses) printLine(sentence); }
  for (const message of [...model.doubts, ...uses.flatMap(({ warnings }) => warnings)]) warn(message);
  using stack = new DisposableStack();
  const replace = mergedParts(model, { uses, owner: stack });
  const mergedFrom = [options.model, ...choices.map(({ path, strength }) => `${path}:${strength}`)].map((name) =>
    basename(name)
  );
  const metadata = {
    ...describeModel({ title: basename(out), architecture: model.variant.name, mergedFrom }),
    ...madeBy("merge"),
  };
  using line = new LiveLine();
  const pace = new Pace();
  makeInPlace(out, place, (folder) =>
    saveModel(model, folder, {
      ...{ dtype, metadata, replace },
      onProgress: ({ bytes, totalBytes }) => {
        const text = pace.describe({ doneBytes: bytes, totalBytes, movedBytes: bytes });
        line.show(`writing ${out}`, text, { finished: bytes === totalBytes });
      },
    }));
  line.close();
  tellModel(out, { model, startedAt, json: options.json === true });
}
