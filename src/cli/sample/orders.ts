/** From options, prompt file and recipe to the videos that are to be made: which, with what, and under which names. */
import { existsSync } from "node:fs";
import { extname, resolve } from "node:path";
import { ConfigError } from "../../base/mod.ts";
import { figuresPath, type VideoCodec, videoCodec, videoForm } from "../../media/mod.ts";
import type { ModelSource } from "../../wan/mod.ts";
import { imageSize, readImage } from "../../train/mod.ts";
import { checkComparable } from "./compare.ts";
import { checkPictures, readLatents } from "./inputs.ts";
import type { VideoOrder } from "./make.ts";
import { readPromptFile } from "./prompt_file.ts";
import { completeSettings } from "./settings.ts";
import type { VideoWishes } from "./wishes.ts";

/** A video to make, and the files that it becomes. */
export interface Order extends VideoOrder {
  readonly path: string;
  readonly tensorsPath: string | undefined;
  readonly codec: VideoCodec | undefined;
  /** A video that it is compared with. */
  readonly compare: string | undefined;
  /** The files that it is made from, as they were named. */
  readonly sources: Pick<VideoWishes, "image" | "lastImage" | "initialLatents">;
}

/** A video as it was wished for. */
export interface Wished {
  readonly prompt: string;
  readonly wishes: VideoWishes;
  readonly path: string;
  readonly tensorsPath: string | undefined;
  readonly codec: VideoCodec | undefined;
}

/**
 * The videos that options ask for, each with a seed and a name of its own. Options hold for every line of a prompt file
 * that does not say otherwise. A name that is not given is one that no file has.
 * @param ending of names that are not given
 * @throws {ConfigError} if there is no prompt, or noise is given and drawn, or two videos would have one name
 */
export function wishedVideos(
  options: VideoWishes & { prompt?: string; prompts?: string },
  { ending = ".mp4" }: { ending?: string } = {},
): Wished[] {
  const { prompt, prompts, ...common } = options;
  if ((prompt === undefined) === (prompts === undefined)) {
    throw new ConfigError(`Cannot make a video: ${prompt === undefined ? "no" : "more than one"} prompt was given`, {
      cure: 'say what is to be seen with --prompt "...", or name a file with one video a line with --prompts',
    });
  }
  const lines = prompts === undefined
    ? [{ line: undefined, prompt: prompt ?? "", wishes: {} }]
    : readPromptFile(prompts);
  const taken = new Set<string>();
  const videos = lines.flatMap(({ line, prompt, wishes: own }) => {
    const all = { ...common, ...own };
    const { seed, batch } = noiseOf(common, own);
    const isNamed = line === undefined || own.out !== undefined;
    return Array.from({ length: batch }, (_, i): Wished => {
      const mark = `${isNamed ? "" : `-${line}`}${batch === 1 ? "" : `-${seed + i}`}`;
      const path = all.out === undefined
        ? freePath(`sample${isNamed ? "" : `-${line}`}-${seed + i}`, { ending, taken })
        : resolve(marked(all.out, mark));
      const tensorsPath = all.saveTensors === undefined ? undefined : resolve(marked(all.saveTensors, mark));
      const codec = videoCodec(videoForm(path), all.codec);
      return { prompt, wishes: { ...all, seed: seed + i }, path, tensorsPath, codec };
    });
  });
  const names = videos.flatMap(({ path, tensorsPath }) => [path, figuresPath(path), tensorsPath ?? []].flat());
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice === undefined) return videos;
  throw new ConfigError(`Cannot make these videos: two of them would be written to ${twice}`, {
    cure: "give each an --out of its own",
  });
}

/** Seed and number of videos. @throws {ConfigError} if they are told beside noise that is given, on which they have no effect */
function noiseOf(common: VideoWishes, own: VideoWishes): { seed: number; batch: number } {
  const { initialLatents, seed, batch = 1 } = own.initialLatents === undefined ? { ...common, ...own } : own;
  if (initialLatents === undefined || (seed === undefined && batch === 1)) return { seed: seed ?? 0, batch };
  throw new ConfigError(`Cannot take the noise in "${initialLatents}" and draw some too`, {
    cure: "leave --seed and --batch out, or --initial-latents",
  });
}

/** `sample-0.mp4`, or `sample-0_2.mp4` and on where there is one: a name that nobody chose takes no other video's place. */
function freePath(name: string, { ending, taken }: { ending: string; taken: Set<string> }): string {
  for (let i = 1;; i++) {
    const path = resolve(`${name}${i === 1 ? "" : `_${i}`}${ending}`);
    if (taken.has(path) || existsSync(path) || existsSync(figuresPath(path))) continue;
    taken.add(path);
    return path;
  }
}

/** `cat.mp4` as `cat-7.mp4`. */
function marked(path: string, mark: string): string {
  const ending = extname(path);
  const bare = (ending === "" ? path : path.slice(0, -ending.length)).replace(/(?<=.)\/+$/, "");
  return bare + mark + ending;
}

/**
 * Completes wishes for a model and reads what they name; the caller owns the tensors.
 * @throws {ConfigError} {DataError} {WeightsError} as settings, pictures or latents are wrong
 */
export async function makeOrder(models: ModelSource, wished: Wished, owned: DisposableStack): Promise<Order> {
  const { wishes, ...rest } = wished;
  const { image, lastImage, initialLatents, compare } = wishes;
  const latents = initialLatents === undefined ? undefined : owned.use(readLatents(initialLatents));
  const given = { image: image === undefined ? undefined : await imageSize(image), latents: latents?.shape };
  const settings = completeSettings(models, { wishes, given });
  if (compare !== undefined) await checkComparable(compare, { ...rest, settings });
  const read = async (path: string | undefined): Promise<Order["image"]> =>
    path === undefined ? undefined : owned.use(await readImage(path, { ...settings, image: models.variant.image }));
  return {
    ...rest,
    compare,
    settings,
    latents,
    image: await read(image),
    lastImage: await read(lastImage),
    sources: { image, lastImage, initialLatents },
  };
}

/** Everything about pictures that can be told before libtorch is opened. @throws {ConfigError} {DataError} */
export async function checkWished(models: ModelSource, videos: readonly Wished[]): Promise<void> {
  for (const { wishes } of videos) {
    checkPictures(models.variant, wishes);
    for (const path of [wishes.image, wishes.lastImage]) if (path !== undefined) await imageSize(path);
  }
}
