/**
 * The values that a new model's parameters begin with. Every tensor has a generator of its own, seeded by its name, so
 * that it does not matter which are made, in which order or in which shards.
 */
import { createHash } from "node:crypto";
import { seedFor } from "../../base/mod.ts";
import { type DType, empty, full, Generator, rand, randn, type Tensor, tidy } from "../../torch/mod.ts";

/** A law of values: normal with a deviation, uniform in ± a bound, or one number. */
export type Law = { readonly normal: number } | { readonly uniform: number } | { readonly constant: number };

/** The parts whose parameters have names of their own. */
export type WeightedPart = "transformer" | "transformer_2" | "vae" | "text_encoder";

/** Numbers drawn at a time: what a large tensor takes beside itself. The values depend on it. */
const CHUNK = 1 << 22;

/**
 * The law of a parameter.
 * @param key by diffusers' or transformers' names
 * @param shapes of all parameters of the part
 */
export function lawOf(part: WeightedPart, key: string, shapes: ReadonlyMap<string, readonly number[]>): Law {
  if (part === "vae") return vaeLaw(key, shapes);
  if (part === "text_encoder") return textLaw(key, shapes);
  return transformerLaw(key, shapes.get(key) ?? []);
}

/**
 * Source: Wan-Video/Wan2.2 wan/modules/model.py, WanModel.init_weights. One deviation: there the head's weight is zero. Then no
 * gradient reaches what lies before it, and adapters, which leave the head alone, could never learn; so it begins small.
 */
function transformerLaw(key: string, shape: readonly number[]): Law {
  if (key.endsWith("scale_shift_table")) return { normal: (shape.at(-1) ?? 1) ** -0.5 };
  if (key.endsWith(".bias")) return { constant: 0 };
  if (/(^|\.)norm\w*\.weight$/.test(key)) return { constant: 1 };
  if (/(text|time)_embedder|^proj_out/.test(key)) return { normal: 0.02 };
  return { uniform: Math.sqrt(6 / (fanIn(shape) + (shape[0] ?? 1))) }; // Xavier
}

/** Source: pytorch torch/nn/modules/conv.py, _ConvNd.reset_parameters */
function vaeLaw(key: string, shapes: ReadonlyMap<string, readonly number[]>): Law {
  if (key.endsWith(".gamma")) return { constant: 1 };
  return { uniform: fanIn(shapes.get(key.replace(/\.bias$/, ".weight")) ?? []) ** -0.5 };
}

/** Source: huggingface/transformers modeling_umt5.py, UMT5PreTrainedModel._init_weights */
function textLaw(key: string, shapes: ReadonlyMap<string, readonly number[]>): Law {
  if (/norm\.weight$/.test(key)) return { constant: 1 };
  if (key === "shared.weight") return { normal: 1 };
  const [rows = 1, columns = 1] = shapes.get(key) ?? [];
  const biases = /^(.*SelfAttention\.)(q|relative_attention_bias)\.weight$/.exec(key);
  if (biases === null) return { normal: columns ** -0.5 };
  const [, width = 1] = shapes.get("shared.weight") ?? [];
  if (biases[2] !== "q") return { normal: width ** -0.5 };
  const [, numHeads = 1] = shapes.get(`${biases[1]}relative_attention_bias.weight`) ?? [];
  return { normal: (width * rows / numHeads) ** -0.5 };
}

function fanIn(shape: readonly number[]): number {
  return shape.slice(1).reduce((product, size) => product * size, 1);
}

/** A tensor of this law; beside itself it takes a few numbers at a time. */
export function initialTensor(
  law: Law,
  options: { name: string; shape: readonly number[]; dtype: DType; seed: number | bigint },
): Tensor {
  const { name, shape, dtype, seed } = options;
  if ("constant" in law) return full(shape, law.constant, { dtype });
  return tidy(() => {
    const number = createHash("sha256").update(name).digest().readUIntBE(0, 6);
    using generator = Generator.seeded(seedFor(seed, "initial weights", number));
    const length = shape.reduce((product, size) => product * size, 1);
    const result = empty([length], { dtype });
    for (let at = 0; at < length; at += CHUNK) {
      const size = Math.min(CHUNK, length - at);
      tidy(() => {
        const values = "normal" in law
          ? randn([size], { generator }).mul(law.normal)
          : rand([size], { generator }).mul(2 * law.uniform).sub(law.uniform);
        result.narrow(0, at, size).copy_(values);
      });
    }
    return result.reshape(shape);
  });
}
