/** `wantune sample`: a video from a model, a prompt and adapters. */
import { basename, dirname, resolve } from "node:path";
import { type Command, Option } from "@commander-js/extra-typings";
import { ConfigError, formatDuration, makeFolder, Stopped } from "../../base/mod.ts";
import { printLine, writeText } from "../output.ts";
import { deviceName, gather, nonEmpty, real, whole } from "../sample/options.ts";
import type { SampleWishes } from "../sample/settings.ts";

/** Adds the command. */
export function register(program: Command): void {
  program.command("sample")
    .description(
      "Makes a video. What is not said is as published for the model; a model of no published size makes 9 small " +
        "frames in 20 steps.",
    )
    .requiredOption("--model <folder>", "model folder in diffusers layout")
    .requiredOption("--prompt <text>", "what is to be seen", nonEmpty)
    .option("--negative-prompt <text>", "what guidance leads away from")
    .option("--out <file>", "the MP4 to write (default: sample-<seed>.mp4)")
    .option("--width <pixels>", "width of the video", whole(1))
    .option("--height <pixels>", "height of the video", whole(1))
    .option("--frames <number>", "length of the video", whole(1))
    .option("--fps <number>", "frames per second at which it plays", real({ above: 0 }))
    .option("--steps <number>", "steps of the solver", whole(1))
    .option("--guidance <number>", "strength of guidance; 1 is none and takes half the time", real({ from: 0 }))
    .option("--shift <number>", "shift of the noise levels", real({ above: 0 }))
    .addOption(new Option("--solver <name>", "how steps are taken").choices(["unipc", "euler"] as const))
    .option("--seed <number>", "seed of the starting noise (default: 0)", whole(0))
    .option("--lora <file[:strength]>", "LoRA to apply, as often as needed", gather)
    .option("--image <file>", "picture or clip whose first frame the video begins with")
    .option("--initial-latents <file>", "safetensors file with the starting noise, `latents` or its only tensor")
    .option("--save-tensors <file>", "also write `latents` and `frames` as float32 safetensors")
    .option("--device <name>", "auto, cpu, cuda or cuda:N", deviceName, "auto")
    .addOption(
      new Option("--dtype <name>", "number type of the transformer").choices(["auto", "float32", "bfloat16"] as const)
        .default("auto" as const),
    )
    .option("--libtorch <folder>", "folder that holds libtorch.so")
    .option("--json", "events as JSON, one a line; the last line is the result")
    .action(sample);
}

interface SampleCommand extends SampleWishes {
  readonly model: string;
  readonly prompt: string;
  readonly out?: string;
  readonly lora?: readonly string[];
  readonly image?: string;
  readonly initialLatents?: string;
  readonly saveTensors?: string;
  readonly device: string;
  readonly dtype: "auto" | "float32" | "bfloat16";
  readonly libtorch?: string;
  readonly json?: true;
}

async function sample(options: SampleCommand): Promise<void> {
  const startedAt = performance.now();
  const { EventBus, numbering } = await import("../../events/mod.ts");
  const { findPrograms } = await import("../../media/mod.ts");
  const { checkOneExpert } = await import("../../train/mod.ts");
  const { openModelFolder } = await import("../../wan/mod.ts");
  const { checkTakesImage, imageSize, readImage, readLatents } = await import("../sample/inputs.ts");
  const { parseLora } = await import("../sample/lora.ts");
  const { makeVideo } = await import("../sample/make.ts");
  const { saveVideo } = await import("../sample/save.ts");
  const { completeSettings } = await import("../sample/settings.ts");
  const { rendererForStdout } = await import("../render.ts");
  const { StopSignals } = await import("../signals.ts");
  const { openLibtorch } = await import("../torch.ts");

  // Everything that can be wrong is looked at before weights are loaded.
  const { prompt, device, dtype } = options;
  const loras = (options.lora ?? []).map(parseLora);
  const models = openModelFolder(options.model);
  checkOneExpert(models, "sample");
  if (options.image !== undefined) checkTakesImage(models.variant);
  const path = outputPath(options);
  const tensorsPath = options.saveTensors === undefined ? undefined : resolve(options.saveTensors);
  await findPrograms();
  const image = options.image === undefined ? undefined : await imageSize(options.image);
  await openLibtorch({ libtorch: options.libtorch });
  using signals = await StopSignals.listen();
  using owned = new DisposableStack();
  const latents = options.initialLatents === undefined ? undefined : owned.use(readLatents(options.initialLatents));
  const settings = completeSettings(models, { wishes: options, given: { image, latents: latents?.shape } });
  for (const file of [path, tensorsPath]) if (file !== undefined) makeFolder(dirname(file));

  const renderer = rendererForStdout({ json: options.json === true, write: (text) => writeText(Deno.stdout, text) });
  owned.defer(() => renderer.close());
  const bus = new EventBus(numbering("sample"));
  bus.subscribe(renderer.read, { name: "the terminal" });
  const check = (): void => {
    if (signals.requested) throw new Stopped("Stopped; no video was written.");
  };
  try {
    const first = options.image === undefined ? undefined : owned.use(await readImage(options.image, settings));
    const { emit } = bus;
    const made = await makeVideo(models, {
      prompt,
      settings,
      loras,
      latents,
      image: first,
      device,
      dtype,
      emit,
      check,
    });
    owned.use(made.latents);
    owned.use(made.frames);
    await saveVideo(made, { path, tensorsPath, prompt, settings, loras, signal: signals.signal });
  } catch (error) {
    check(); // Ctrl-C ends ffmpeg too, and what that leads to is not the cause
    throw error;
  }
  renderer.close();
  const seconds = (performance.now() - startedAt) / 1000;
  const files = { path, ...(tensorsPath === undefined ? {} : { tensors: tensorsPath }) };
  if (options.json) return printLine(JSON.stringify({ ...files, seconds, prompt, ...settings }));
  const { width, height, numFrames, fps, steps, solver, guidanceScale, seed } = settings;
  printLine(
    `saved ${Object.values(files).join(" and ")}: ${numFrames} frames of ${width}x${height} at ${fps} fps, ` +
      `${steps} steps of ${solver}, guidance ${guidanceScale}, seed ${seed}; ${formatDuration(seconds)}`,
  );
}

function outputPath({ out, seed = 0 }: SampleCommand): string {
  const path = resolve(out ?? `sample-${seed}.mp4`);
  if (/\.mp4$/i.test(path)) return path;
  throw new ConfigError(`Cannot write "${basename(path)}": videos are written as MP4`, {
    cure: "give it a name that ends in .mp4",
  });
}
