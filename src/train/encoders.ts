/** A model's encoders as the data path wants them: loaded when first needed, one after the other. */
import { basename, dirname, join } from "node:path";
import { readdirSync } from "node:fs";
import { sha256File, stableHash } from "../base/mod.ts";
import type { CountTokens, Encoders, FrameSource } from "../data/mod.ts";
import type { Emit } from "../events/mod.ts";
import { type Device, noGrad, type Tensor, tidy, unscoped } from "../torch/mod.ts";
import {
  cleanPrompt,
  encodeImageCondition,
  encodePrompt,
  type ModelSource,
  type Tokenizer,
  type Umt5Encoder,
  type WanVae,
} from "../wan/mod.ts";

/** Encoders that hold memory until they are disposed of. */
export interface FolderEncoders extends Encoders, Disposable {
  /** Tokens of a caption as the text encoder gets it, its end token included. */
  readonly countTokens: CountTokens;
}

/** Changes whenever the encoders give other numbers for the same weights. */
const ENCODER_RULE = 1;

/**
 * The encoders of a model.
 * @param options.device where they compute: the VAE in float32, the text encoder in its stored type
 */
export function folderEncoders(models: ModelSource, options: { device: Device; emit: Emit }): FolderEncoders {
  const { device, emit } = options;
  let words: Tokenizer | undefined; // small beside the encoder, so it stays
  let text: Umt5Encoder | undefined;
  let vae: WanVae | undefined;
  const release = (): void => {
    text?.[Symbol.dispose]();
    text = undefined;
    vae?.[Symbol.dispose]();
    vae = undefined;
  };
  const loading = <T>(item: string, load: () => T): T => {
    release(); // the two need not fit together
    emit({ type: "stage", stage: "loading", done: 0, total: 1, item });
    const loaded = unscoped(load);
    emit({ type: "stage", stage: "loading", done: 1, total: 1, item });
    return loaded;
  };
  const loadedVae = (): WanVae => vae ??= loading("VAE", () => models.loadVae({ device }));
  return {
    encodeText: (caption: string): Tensor => {
      const encoder = text ??= loading("text encoder", () => models.loadTextEncoder({ device }));
      const tokenizer = words ??= models.loadTokenizer();
      return noGrad(() =>
        tidy(() => encodePrompt(caption, { tokenizer, encoder }).to({ device: "cpu", dtype: "float32" }))
      );
    },
    countTokens: (caption: string): number => (words ??= models.loadTokenizer()).encode(cleanPrompt(caption)).length,
    encodeVideo: (video: FrameSource): Tensor => {
      const loaded = loadedVae();
      return noGrad(() => tidy(() => loaded.encodeNormalized(video).to({ device: "cpu" })));
    },
    encodeCondition: models.variant.image !== "channels" ? undefined : (picture, { numFrames }): Tensor => {
      const loaded = loadedVae();
      return noGrad(() =>
        tidy(() => {
          const image = picture.select(2, 0).to({ device });
          return encodeImageCondition(loaded, { image, numFrames }).to({ device: "cpu" });
        })
      );
    },
    fingerprints: {
      video: fingerprint(models, ["vae"]),
      text: fingerprint(models, ["text_encoder", "tokenizer"]),
      tokenizer: fingerprint(models, ["tokenizer"]),
    },
    [Symbol.dispose]: release,
  };
}

/** Bytes up to which a file is hashed whole; of a larger one its size and its header are, which is told apart in a moment. */
const WHOLE = 64 * 2 ** 20;

/** A hash of the files that some parts of a model lie in. */
function fingerprint(models: ModelSource, parts: readonly ("vae" | "text_encoder" | "tokenizer")[]): string {
  const files = parts.flatMap((part) =>
    filesAt(models.placeOf(part)).map((path) => {
      const { size, mtime } = Deno.statSync(path);
      return [part, basename(path), size, size <= WHOLE ? sha256File(path) : mtime?.getTime() ?? 0];
    })
  );
  return stableHash({ rule: ENCODER_RULE, parts: files });
}

/** The files of a part: those of its folder, which an index stands for too, or the one file. */
function filesAt(place: string): string[] {
  const folder = Deno.statSync(place).isDirectory ? place : place.endsWith(".index.json") ? dirname(place) : undefined;
  if (folder === undefined) return [place];
  return readdirSync(folder).filter((name) => /\.(json|safetensors)$/.test(name)).sort().map((name) =>
    join(folder, name)
  );
}
