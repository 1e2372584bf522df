/** From frames to latents and from captions to embeddings: what is missing in the cache is made, once. */

import { DataError } from "../base/mod.ts";
import type { Tensor } from "../torch/mod.ts";
import type { CacheKey, CacheKind, TensorCache } from "./cache.ts";
import type { CacheLimit } from "./cache_limit.ts";
import type { FrameSource } from "./frame_source.ts";

/** The model's encoders, as functions, and what tells them apart. */
export interface Encoders {
  /** Frames to latents [1, C, T, h, w]; the result is handed over. The frames are there until then. */
  readonly encodeVideo: (video: FrameSource) => Tensor | Promise<Tensor>;
  /**
   * The picture that a clip is to begin with, to the channels that stand beside the noise (I2V-A14B): which latent frames
   * are known, and the latents of a video that shows the picture and is grey elsewhere. Where this is given, every item of
   * the dataset has a condition. Its numbers may depend on nothing but the arguments and `fingerprints.video`.
   * @param image [1, 3, 1, H, W] float32 in [-1, 1]: the clip's own picture, else the first frame of the window
   * @param options.numFrames of the window, 4n + 1
   * @returns [1, 4 + C, T, h, w]; handed over
   */
  readonly encodeCondition?: ((image: Tensor, options: { numFrames: number }) => Tensor | Promise<Tensor>) | undefined;
  /** A caption to its embeddings [n, D] at their true length; the result is handed over. */
  readonly encodeText: (caption: string) => Tensor | Promise<Tensor>;
  /** Hashes that change whenever an encoder gives other numbers: weights, settings, type of the arithmetic. */
  readonly fingerprints: {
    readonly video: string;
    readonly text: string;
    /** Of what counts the tokens of a caption, where something does. */
    readonly tokenizer?: string | undefined;
  };
}

/** How long to wait before asking again whether another process has finished. */
const POLL_MS = 100;

/** One entry that may have to be made. */
export interface Job {
  readonly kind: CacheKind;
  readonly key: CacheKey;
  /** Makes it; the tensor is handed over. */
  readonly make: () => Promise<Tensor>;
}

/**
 * Sees to it that an entry is in the cache.
 * @returns false if another process is making it just now and `wait` is not set
 */
export async function ensureCached(
  cache: TensorCache,
  { kind, key, make }: Job,
  options: { wait: boolean; limit?: CacheLimit; signal?: AbortSignal | undefined },
): Promise<boolean> {
  for (;;) {
    options.signal?.throwIfAborted();
    if (cache.has(kind, key)) return true;
    using claim = cache.claim(kind, key);
    if (claim !== undefined) {
      if (cache.has(kind, key)) return true; // finished between the look and the claim
      await new Promise((resolve) => setTimeout(resolve)); // encoders block: signals get their turn
      options.signal?.throwIfAborted();
      using made = await make();
      if (made.numel === 0) throw new DataError(`Cannot encode: the ${kind} encoder returned an empty tensor`);
      using stored = kind === "text" ? made.to({ device: "cpu" }) : made.to({ dtype: "float32", device: "cpu" });
      cache.write(kind, key, stored);
      await options.limit?.wrote(stored.numBytes);
      return true;
    }
    if (!options.wait) return false;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
