/** `wantune merge`: a model with adapters worked into its weights. */
import { basename } from "node:path";
import { type Command, Option } from "@commander-js/extra-typings";
import { ConfigError } from "../../base/mod.ts";
import type { Weights } from "../../weights/mod.ts";
import { SAVED_DTYPES, tellModel } from "../convert/model.ts";
import { addPartOptions, type ModelWishes, namedModel, PART_NAMES } from "../model/files.ts";
import { LiveLine, Pace } from "../live_line.ts";
import { gather } from "../sample/options.ts";

/** Adds the command. */
export function register(program: Command): void {
  const command = program.command("merge")
    .description(
      "Writes a model in diffusers layout with adapters worked into its weights; the sums are made in float32, one tensor " +
        "at a time.",
    )
    .requiredOption("--model <folder>", "model folder, in diffusers' or the official layout, or a transformer's file")
    .requiredOption("--lora <file[:strength]>", "LoRA, LoKr, LoHa or DoRA to merge, as often as needed", gather)
    .requiredOption("--out <folder>", "folder to write")
    .addOption(
      new Option("--expert <name>", "merge into this one of two transformers alone").choices(["high", "low"] as const),
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
  readonly lora: readonly string[];
  readonly out: string;
  readonly expert?: "high" | "low";
  readonly dtype?: typeof SAVED_DTYPES[number];
  readonly force?: true;
  readonly libtorch?: string;
  readonly json?: true;
}

async function merge(options: MergeCommand): Promise<void> {
  const startedAt = performance.now();
  const { describeModel, mergedWeights, openModel, saveModel } = await import("../../wan/mod.ts");
  const { AdapterFile } = await import("../../weights/mod.ts");
  const { checkPlace, madeBy, makeInPlace } = await import("../convert/place.ts");
  const { parseLora } = await import("../sample/lora.ts");
  const { openLibtorch } = await import("../torch.ts");

  const { out, expert, dtype } = options;
  const choices = options.lora.map(parseLora);
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
  using stack = new DisposableStack();
  const files = choices.map(({ path, strength }) => ({ file: stack.use(AdapterFile.open(path)), strength }));
  const replace: Partial<Record<typeof model.components[number], Weights>> = {};
  const left = expert === "high" ? "transformer_2" : expert === "low" ? "transformer" : undefined;
  for (const component of model.components) {
    if (component === "vae" || component === left) continue;
    const adapters = files.filter(({ file }) => component !== "text_encoder" || file.components.includes(component))
      .map(({ file, strength }) => {
        const { modules } = stack.use(file.read(file.componentFor(component)));
        return { modules, strength, name: file.path };
      });
    if (adapters.length > 0) replace[component] = mergedWeights(stack.use(model.openWeights(component)), adapters);
  }
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
