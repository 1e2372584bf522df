/** What the temporal convolutions of a VAE remember from one chunk of frames to the next. */
import { type Tensor, unscoped } from "../../torch/mod.ts";

/**
 * The last frames that each layer saw. One cache serves one pass over one video; it owns its tensors, which outlive the
 * scope of a chunk.
 */
export class FeatureCache implements Disposable {
  readonly #frames = new Map<object, Tensor>();
  #isFirstChunk = true;

  /** Whether the chunk is the one with the video's first frame, which is never merged or doubled in time. */
  get isFirstChunk(): boolean {
    return this.#isFirstChunk;
  }

  /** Says that all layers have seen the current chunk. */
  endChunk(): void {
    this.#isFirstChunk = false;
  }

  /** What a layer remembered, [B, C, F, H, W]; the cache keeps it. */
  recall(layer: object): Tensor | undefined {
    return this.#frames.get(layer);
  }

  /**
   * Remembers a copy of a layer's last frames instead of those it had, in their place where they fit: large tensors that
   * are made anew for each chunk leave the heap in pieces.
   */
  remember(layer: object, frames: Tensor): void {
    const known = this.#frames.get(layer);
    if (known !== undefined && String(known.shape) === String(frames.shape)) return known.copy_(frames);
    known?.[Symbol.dispose]();
    this.#frames.set(layer, unscoped(() => frames.clone()));
  }

  [Symbol.dispose](): void {
    for (const frames of this.#frames.values()) frames[Symbol.dispose]();
    this.#frames.clear();
  }
}
