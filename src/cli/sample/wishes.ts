/** The options that each video may have of its own: on the command line for all, in a line of a prompt file for one. */
import { Command, CommanderError, Option } from "@commander-js/extra-typings";
import type { VideoCodec } from "../../media/mod.ts";
import { nonEmpty, onOff, real, whole } from "./options.ts";
import type { SampleWishes } from "./settings.ts";

/** What a user may ask of one video. */
export interface VideoWishes extends SampleWishes {
  readonly out?: string | undefined;
  readonly codec?: VideoCodec | undefined;
  /** Videos to make, with seeds counting up. */
  readonly batch?: number | undefined;
  readonly image?: string | undefined;
  readonly lastImage?: string | undefined;
  readonly initialLatents?: string | undefined;
  readonly saveTensors?: string | undefined;
  readonly compare?: string | undefined;
}

/** Adds the options to a command; their values are {@linkcode VideoWishes}. */
export function addVideoOptions(command: Command): void {
  command
    .option("--negative-prompt <text>", "what guidance leads away from")
    .option(
      "--out <file>",
      "where to: .mp4, .webm, .gif, or a folder for PNG frames (default: sample-<seed>.mp4, or the next free name)",
    )
    .addOption(
      new Option("--codec <name>", "h264 or h265 for MP4, vp9 or av1 for WebM (default: the first)")
        .choices(["h264", "h265", "vp9", "av1"]),
    )
    .option("--width <pixels>", "width of the video", whole(1))
    .option("--height <pixels>", "height of the video", whole(1))
    .option("--frames <number>", "length of the video", whole(1))
    .option("--fps <number>", "frames per second at which it plays", real({ above: 0 }))
    .option("--steps <number>", "steps of the solver", whole(1))
    .option("--guidance <number>", "strength of guidance; 1 is none and takes half the time", real({ from: 0 }))
    .option("--guidance-low <number>", "the same for the low-noise expert of two", real({ from: 0 }))
    .option("--shift <number>", "shift of the noise levels", real({ above: 0 }))
    .option("--text-length <tokens>", "length that prompts are completed or cut to (default: 512)", whole(1))
    .addOption(new Option("--solver <name>", "how steps are taken").choices(["unipc", "euler", "dpm++"]))
    .option("--solver-order <number>", "order of unipc (1 to 3) or dpm++ (1 or 2) (default: 2)", whole(1))
    .addOption(new Option("--solver-type <name>", "B(h) of unipc (default: bh2)").choices(["bh1", "bh2"]))
    .option("--corrector <on|off>", "whether unipc corrects its steps (default: on)", onOff)
    .addOption(
      new Option("--sigmas <whose>", "noise levels that steps stop at: diffusers' or those of WAN's release, official")
        .choices(["diffusers", "official"]),
    )
    .option("--seed <number>", "seed of the starting noise (default: 0)", whole(0))
    .option("--batch <number>", "videos of the prompt, with seeds counting up", whole(1))
    .option("--image <file>", "picture or clip whose first frame the video begins with", nonEmpty)
    .option("--last-image <file>", "picture that the video ends with, for models that know one", nonEmpty)
    .option("--initial-latents <file>", "safetensors file with the starting noise, `latents` or its only tensor")
    .option("--save-tensors <file>", "also write `latents` and `frames` as float32 safetensors")
    .option("--compare <video>", "say how close the video is to this one: PSNR and SSIM, in its luma", nonEmpty);
}

/**
 * Reads options as a line of a prompt file has them.
 * @throws {CommanderError} saying what is wrong; nothing is printed
 */
export function parseWishes(args: readonly string[]): VideoWishes {
  const command = new Command("line").helpOption(false).allowExcessArguments(false).exitOverride()
    .showSuggestionAfterError(true).configureOutput({ writeErr: () => {}, writeOut: () => {} });
  addVideoOptions(command as Command);
  return command.parse([...args], { from: "user" }).opts() as VideoWishes;
}

/** What commander has to say, as the end of a sentence. */
export function wishProblem(error: unknown): string {
  if (!(error instanceof CommanderError)) throw error;
  return error.message.replace(/^error: /, "").replaceAll(/\s*\n\s*/g, " ");
}
