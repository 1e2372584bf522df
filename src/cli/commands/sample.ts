/** `wantune sample`: videos from a model, prompts and adapters. */
import { type Command, Option } from "@commander-js/extra-typings";
import { ConfigError, formatDuration, Stopped } from "../../base/mod.ts";
import type { VideoComparison } from "../../media/mod.ts";
import { addPartOptions, type ModelWishes, namedModel } from "../model/files.ts";
import { printLine, writeText } from "../output.ts";
import { BLOCK_CHOICES, type BlockChoice, deviceName, gather, nonEmpty } from "../sample/options.ts";
import type { Order } from "../sample/orders.ts";
import type { Recipe } from "../sample/recipe.ts";
import { addVideoOptions, type VideoWishes } from "../sample/wishes.ts";

/** Adds the command. */
export function register(program: Command): void {
  const command = program.command("sample")
    .description(
      "Makes videos. What is not said is as published for the model; a model of no published size makes 9 small " +
        "frames in 20 steps. How a video was made is kept in it: --from makes it again.",
    )
    .option("--model <folder>", "model folder, in diffusers' or the official layout, or a transformer's file")
    .option("--prompt <text>", "what is to be seen", nonEmpty)
    .option(
      "--prompts <file>",
      "one video a line: a prompt and its options, `a cat --seed 3`; or a JSON object",
      nonEmpty,
    )
    .option("--from <video>", "make a video again; other options change what they say", nonEmpty);
  addPartOptions(command);
  addVideoOptions(command as Command);
  command
    .option(
      "--lora <file[:strength]>",
      "LoRA to apply, as often as needed; of two experts to the one it names, or both",
      gather,
    )
    .option("--high-lora <file[:strength]>", "LoRA for the high-noise expert alone", gather)
    .option("--low-lora <file[:strength]>", "LoRA for the low-noise expert alone", gather)
    .option("--embedding <file>", "learned token: prompts name it by its token, else by the file's name", gather)
    .option("--device <name>", "auto, cpu, cuda or cuda:N (default: auto)", deviceName)
    .addOption(
      new Option("--dtype <name>", "number type of the transformer (default: auto)")
        .choices(["auto", "float32", "bfloat16"]),
    )
    .addOption(
      new Option(
        "--blocks <place>",
        "where the transformer's weights are between their turns: in memory (resident), in host memory beside a card " +
          "(streamed), in their file (mapped), or as fits (default: auto)",
      ).choices(BLOCK_CHOICES),
    )
    .option("--libtorch <folder>", "folder that holds libtorch.so")
    .option("--json", "events as JSON, one a line; each video's result is a line, the last one last")
    .action((options) => sample(options as SampleCommand));
}

interface SampleCommand extends VideoWishes, ModelWishes {
  readonly prompt?: string;
  readonly prompts?: string;
  readonly from?: string;
  readonly lora?: readonly string[];
  readonly highLora?: readonly string[];
  readonly lowLora?: readonly string[];
  readonly embedding?: readonly string[];
  readonly device?: string;
  readonly dtype?: Recipe["dtype"];
  readonly blocks?: BlockChoice;
  readonly libtorch?: string;
  readonly json?: true;
}

async function sample(options: SampleCommand): Promise<void> {
  const { EventBus, numbering } = await import("../../events/mod.ts");
  const { checkDestinations, checkFileDestination, findPrograms } = await import("../../media/mod.ts");
  const { modelEvent } = await import("../../train/mod.ts");
  const { openModel } = await import("../../wan/mod.ts");
  const { chosenLoras } = await import("../sample/lora.ts");
  const { loraUses } = await import("../sample/lora_use.ts");
  const { makeVideos } = await import("../sample/make.ts");
  const { compareFiles, comparisonText } = await import("../sample/compare.ts");
  const { checkWished, makeOrder, wishedVideos } = await import("../sample/orders.ts");
  const { placeWeights } = await import("../sample/placement.ts");
  const { repeated } = await import("../sample/repeat.ts");
  const { recipeOf } = await import("../sample/recipe_of.ts");
  const { saveVideo } = await import("../sample/save.ts");
  const { rendererForStdout } = await import("../render.ts");
  const { StopSignals } = await import("../signals.ts");
  const { openLibtorch } = await import("../torch.ts");

  // Everything that can be wrong is looked at before weights are loaded.
  await findPrograms();
  const before = options.from === undefined ? undefined : await repeated(options.from, options);
  const { device = before?.device ?? "auto", dtype = before?.dtype ?? "auto" } = options;
  const named = namedModel({ ...before?.model, ...modelWishes(options) });
  if (named === undefined) {
    throw new ConfigError("Cannot make a video: no model was named", {
      cure: "name its folder with --model, or its files one by one",
    });
  }
  const ownLoras = chosenLoras(options);
  const choices = ownLoras.length === 0 ? before?.loras ?? [] : ownLoras;
  const embeddings = options.embedding ?? before?.embeddings ?? [];
  const videos = wishedVideos({ ...before?.wishes, ...videoWishes(options) }, before);
  const models = openModel(named);
  await checkWished(models, videos);
  await openLibtorch({ libtorch: options.libtorch });
  const loras = loraUses(choices, models.variant);
  using signals = await StopSignals.listen();
  using owned = new DisposableStack();
  const renderer = rendererForStdout({ json: options.json === true, write: (text) => writeText(Deno.stdout, text) });
  owned.defer(() => renderer.close());
  const bus = new EventBus(numbering("sample"));
  bus.subscribe(renderer.read, { name: "the terminal" });
  const check = (): void => {
    if (signals.requested) throw new Stopped("Stopped; no video was written.");
  };
  let startedAt = performance.now();
  try {
    const orders: Order[] = [];
    for (const video of videos) orders.push(await makeOrder(models, video, owned));
    await checkDestinations(orders.map(({ path, codec, settings: { fps } }) => ({ path, codec, fps })));
    for (const { tensorsPath } of orders) if (tensorsPath !== undefined) checkFileDestination(tensorsPath);
    bus.emit(modelEvent(models, loras.map(({ path, sentence }) => ({ part: "adapter", path, sentence }))));
    const warnings = [...models.doubts, ...loras.flatMap((lora) => lora.warnings)];
    for (const message of warnings) bus.emit({ type: "warning", message });
    const sizes = orders.map(({ settings }) => settings);
    const wanted = options.blocks ?? before?.blocks ?? "auto";
    const placement = placeWeights(models, { blocks: wanted, sizes, device, dtype });
    const { blocks, text: message } = placement;
    if (wanted === "auto" && blocks !== "resident") bus.emit({ type: "warning", message });
    const recipe = recipeOf({
      ...{ model: named, variant: models.variant.name, loras: choices, embeddings, device, dtype, blocks },
    });
    await makeVideos(models, {
      ...{ orders, loras, embeddings, placement, check, emit: bus.emit },
      onMade: async (order, made) => {
        await saveVideo(made, { ...order, comment: recipe(order), signal: signals.signal });
        renderer.close();
        const seconds = (performance.now() - startedAt) / 1000;
        startedAt = performance.now();
        const comparison = order.compare === undefined ? undefined : await compareFiles(order.path, order.compare);
        tell(order, { seconds, comparison, json: options.json === true });
        if (comparison === undefined || options.json === true) return;
        printLine(`beside ${order.compare}: ${comparisonText(comparison)}`);
      },
    });
  } catch (error) {
    check(); // Ctrl-C ends ffmpeg too, and what that leads to is not the cause
    throw error;
  }
}

/** What of the options names the model. */
function modelWishes(
  { model, transformer, highNoise, lowNoise, vae, textEncoder, tokenizer }: ModelWishes,
): ModelWishes {
  const wishes = { model, transformer, highNoise, lowNoise, vae, textEncoder, tokenizer };
  return Object.fromEntries(Object.entries(wishes).filter(([, path]) => path !== undefined));
}

/** What of the options each video takes; a prompt file takes the place of a recipe's prompt. */
function videoWishes(options: SampleCommand): VideoWishes & { prompt?: string; prompts?: string } {
  const { model: _m, from: _f, lora: _l, highLora: _h, lowLora: _w, device: _d, dtype: _t, blocks: _b, ...rest } =
    options;
  const { libtorch: _lib, json: _j, embedding: _e, ...more } = rest;
  const { transformer: _x, highNoise: _n, lowNoise: _o, vae: _v, textEncoder: _c, tokenizer: _k, ...wishes } = more;
  return wishes.prompts === undefined ? wishes : { prompt: undefined, ...wishes } as typeof wishes;
}

/** As in `unipc (order 3, bh1, no corrector, official sigmas)`. */
function solverText({ solver, solverOrder, solverType, corrector, sigmas }: Order["settings"]): string {
  const said = [
    ...(solverOrder === undefined ? [] : [`order ${solverOrder}`]),
    ...(solverType === undefined ? [] : [solverType]),
    ...(corrector === false ? ["no corrector"] : []),
    ...(sigmas === undefined ? [] : [`${sigmas} sigmas`]),
  ];
  return said.length === 0 ? solver : `${solver} (${said.join(", ")})`;
}

function tell(
  order: Order,
  { seconds, comparison, json }: { seconds: number; comparison: VideoComparison | undefined; json: boolean },
): void {
  const { path, tensorsPath, prompt, settings } = order;
  const files = { path, ...(tensorsPath === undefined ? {} : { tensors: tensorsPath }) };
  if (json) return printLine(JSON.stringify({ ...files, seconds, prompt, ...settings, comparison }));
  const { width, height, numFrames, fps, steps, guidanceScale, lowNoiseGuidanceScale: low, seed } = settings;
  const guidance = low === undefined || low === guidanceScale ? `${guidanceScale}` : `${guidanceScale} and ${low}`;
  printLine(
    `saved ${Object.values(files).join(" and ")}: ${numFrames} frames of ${width}x${height} at ${fps} fps, ` +
      `${steps} steps of ${solverText(settings)}, guidance ${guidance}, seed ${seed}; ${formatDuration(seconds)}`,
  );
}
