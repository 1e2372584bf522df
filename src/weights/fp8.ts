/**
 * Checkpoints whose weights are 8-bit floats, plain or with scales: w = cast(fp8) · scale. Decoding happens tensor by tensor
 * as they are loaded. Layouts that are not read are refused by name, since their bytes would load as plausible noise.
 * The spellings are data: specs/keys/quantised.json.
 */

import { listNames, WeightsError } from "../base/mod.ts";
import quantised from "../../specs/keys/quantised.json" with { type: "json" };
import { type DType, ones, type Tensor, tidy } from "../torch/mod.ts";
import { shown } from "./header.ts";
import type { LoadOptions } from "./regions.ts";
import type { Stored8, Weights } from "./weights.ts";

/** How a checkpoint's weights are stored. */
export interface Fp8Facts {
  readonly kind: "none" | "plain" | "scaled";
  /** The fp8 types met. */
  readonly dtypes: readonly DType[];
  /** Weights in fp8, and how many of them have a scale. */
  readonly numWeights: number;
  readonly numScaled: number;
}

/** What loading gives for an fp8 weight unless told otherwise: wide enough for every fp8 number. */
const DECODED: DType = "bfloat16";

/**
 * The weights with fp8 decoded on loading, and without the tensors that only describe the quantisation. Owns `weights`;
 * gives them back as they are where nothing is quantised.
 * @throws {WeightsError} for a layout that is not read, by its name; `weights` is then disposed of
 */
export function decodedWeights(weights: Weights): Weights {
  try {
    refuseUnreadable(weights);
    const scales = scalesOf(weights);
    const hidden = new Set([...scales.values(), ...weights.keys().filter(isDescription)]);
    const facts = fp8Facts(weights);
    if (facts.kind === "none" && hidden.size === 0) return weights;
    return new DecodedWeights(weights, { scales, hidden, facts });
  } catch (error) {
    weights[Symbol.dispose]();
    throw error;
  }
}

/** Whether and how weights are fp8. */
export function fp8Facts(weights: Weights): Fp8Facts {
  const keys = weights.keys().filter((key) => isFp8(weights.dtypeOf(key)) && !isDescription(key));
  const scales = scalesOf(weights);
  const numScaled = keys.filter((key) => scales.has(key)).length;
  const dtypes = [...new Set(keys.map((key) => weights.dtypeOf(key)))];
  const kind = keys.length === 0 ? "none" : numScaled === 0 ? "plain" : "scaled";
  return { kind, dtypes, numWeights: keys.length, numScaled };
}

/** `float8_e4m3fn, a scale for each weight`; undefined without fp8. */
export function fp8Text({ kind, dtypes, numScaled, numWeights }: Fp8Facts): string | undefined {
  if (kind === "none") return undefined;
  const scales = kind === "plain"
    ? "without scales"
    : numScaled === numWeights
    ? "scaled"
    : `${numScaled} of ${numWeights} scaled`;
  return `${dtypes.join(" and ")} ${scales}`;
}

function isFp8(dtype: DType): boolean {
  return dtype.startsWith("float8");
}

function isDescription(key: string): boolean {
  const { names, endings } = quantised.ignored;
  return names.some((name) => key === name || key.endsWith(`.${name}`)) || endings.some((end) => key.endsWith(end));
}

/** Weight → its scale. */
function scalesOf(weights: Weights): Map<string, string> {
  const scales = new Map<string, string>();
  for (const key of weights.keys()) {
    const ending = quantised.scales.endings.find((end) => key.endsWith(end));
    const weight = ending === undefined ? undefined : `${key.slice(0, -ending.length)}.weight`;
    if (weight !== undefined && weights.has(weight)) scales.set(weight, key);
  }
  return scales;
}

function refuseUnreadable(weights: Weights): void {
  const keys = weights.keys();
  const refuse = (layout: string, names: readonly string[]): WeightsError =>
    new WeightsError(
      `Cannot read ${weights.describe()}: its weights are quantised as ${layout}, which is not read ` +
        `(${listNames(names, { limit: 2 })})`,
      { cure: "use the file in bf16, fp16, fp8 or fp8_scaled" },
    );
  for (const [ending = "", layout = ""] of quantised.refused) {
    const names = keys.filter((key) => key.endsWith(ending));
    if (names.length > 0) throw refuse(layout, names);
  }
  for (const key of keys.filter((name) => name.endsWith(".comfy_quant"))) {
    const format = comfyFormat(weights, key);
    if (!quantised.readableFormats.includes(format)) throw refuse(`${shown(format)} of ComfyUI`, [key]);
  }
  const integers = keys.filter((key) =>
    /(^|\.)weight$/.test(key) && weights.shapeOf(key).length === 2 && /^u?int/.test(weights.dtypeOf(key))
  );
  if (integers.length > 0) throw refuse(`integers (${weights.dtypeOf(integers[0] ?? "")})`, integers);
}

function comfyFormat(weights: Weights, key: string): string {
  const [length = 0, ...more] = weights.shapeOf(key);
  if (more.length > 0 || length > 10_000) return "unreadable";
  using bytes = weights.load(key);
  try {
    const description: unknown = JSON.parse(new TextDecoder().decode(bytes.toBytes()));
    return String((description as { format?: unknown } | null)?.format);
  } catch {
    return "unreadable";
  }
}

class DecodedWeights implements Weights {
  readonly metadata: ReadonlyMap<string, string>;
  readonly #inner: Weights;
  readonly #scales: ReadonlyMap<string, string>;
  readonly #keys: readonly string[];
  readonly #names: ReadonlySet<string>;
  readonly #facts: Fp8Facts;

  constructor(inner: Weights, options: { scales: Map<string, string>; hidden: Set<string>; facts: Fp8Facts }) {
    this.#inner = inner;
    this.#scales = options.scales;
    this.#keys = inner.keys().filter((key) => !options.hidden.has(key));
    this.#names = new Set(this.#keys);
    this.#facts = options.facts;
    this.metadata = inner.metadata;
  }

  keys(): readonly string[] {
    return this.#keys;
  }

  has(key: string): boolean {
    return this.#names.has(key);
  }

  shapeOf(key: string): readonly number[] {
    return this.#inner.shapeOf(key);
  }

  dtypeOf(key: string): DType {
    return this.#isStoredAsIs(key) ? this.#inner.dtypeOf(key) : DECODED;
  }

  load(key: string, options: LoadOptions = {}): Tensor {
    if (this.#isStoredAsIs(key)) return this.#inner.load(key, options);
    const { dtype = DECODED, device = "cpu" } = options;
    return tidy(() => {
      const values = this.#inner.load(key, { device });
      const scaleKey = this.#scales.get(key);
      if (scaleKey === undefined) return values.to({ dtype });
      const scale = this.#inner.load(scaleKey, { device, dtype: "float32" });
      return scaled(values.float(), { scale, key, scaleKey }).to({ dtype });
    });
  }

  mapped(key: string): Tensor {
    return this.#isStoredAsIs(key) ? this.#inner.mapped(key) : this.load(key);
  }

  stored8(key: string, { mapped }: { mapped: boolean }): Stored8 | undefined {
    const shape = this.#inner.shapeOf(key), [out = 0] = shape;
    if (shape.length !== 2 || this.#inner.dtypeOf(key) !== "float8_e4m3fn") return undefined;
    const scaleKey = this.#scales.get(key);
    const numScales = (scaleKey === undefined ? [] : this.#inner.shapeOf(scaleKey)).reduce((n, size) => n * size, 1);
    if (numScales !== 1 && numScales !== out) return undefined; // a row has several
    return tidy(() => {
      const scale = scaleKey === undefined ? ones([1, 1]) : this.#inner.load(scaleKey, { dtype: "float32" });
      const codes = mapped ? this.#inner.mapped(key) : this.#inner.load(key);
      return { codes, scales: scale.reshape([-1, 1]).expand([out, 1]).contiguous() };
    });
  }

  prefetch(key: string): void {
    this.#inner.prefetch(key);
  }

  release(): void {
    this.#inner.release();
  }

  describe(): string {
    const text = fp8Text(this.#facts);
    return this.#inner.describe() + (text === undefined ? "" : `, ${text}`);
  }

  [Symbol.dispose](): void {
    this.#inner[Symbol.dispose]();
  }

  #isStoredAsIs(key: string): boolean {
    return !isFp8(this.#inner.dtypeOf(key)) && !this.#scales.has(key);
  }
}

/** values [out, in] times one number, one for each row [out] or [out, 1], or one for each block of a row [out, n, 1]. */
function scaled(
  values: Tensor,
  { scale, key, scaleKey }: { scale: Tensor; key: string; scaleKey: string },
): Tensor {
  const [out = 0, width = 0] = values.shape;
  const [rows = 0, blocks = 1, last = 1] = scale.shape;
  if (scale.numel === 1) return values.mul(scale.reshape([]));
  const fits = values.ndim === 2 && rows === out && last === 1 && scale.ndim <= 3 && width % blocks === 0;
  if (!fits) {
    throw new WeightsError(
      `Cannot load ${shown(key)}: its shape is ${shown(values.shape)}, that of ${shown(scaleKey)} is ${
        shown(scale.shape)
      }`,
      { cure: "use the file in bf16, fp16, fp8 or fp8_scaled" },
    );
  }
  return values.reshape([out, blocks, width / blocks]).mul(scale.reshape([out, blocks, 1])).reshape([out, width]);
}
