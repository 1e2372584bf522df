/**
 * Resizing pictures as the references do. Both ways are separable: rows and columns are each multiplied by a matrix of
 * filter weights. Letters: B batch, C channels, H W rows and columns.
 */
import { dims, type Tensor, tensor, tidy } from "../torch/mod.ts";

/**
 * - `bicubic`: a = −0.75, four neighbours however small the result, the border repeated. Source: torch.nn.functional.interpolate
 * - `lanczos`: of three lobes, widened where the picture shrinks, without what lies outside. Source: Pillow, Image.resize
 */
export type ResizeFilter = "bicubic" | "lanczos";

/** Bends of the cubic. */
const CUBIC_A = -0.75;

/** Lobes of the sinc on either side. */
const LANCZOS_LOBES = 3;

/** A picture in another size. @param picture [B, C, H, W], any range @returns [B, C, height, width] float32, not clamped */
export function resizePicture(
  picture: Tensor,
  options: { height: number; width: number; filter: ResizeFilter },
): Tensor {
  const { H, W } = dims(picture, "_ _ H W");
  const { height, width, filter } = options;
  return tidy(() => {
    const rows = resizeMatrix(H, height, filter).to({ device: picture.device });
    const columns = resizeMatrix(W, width, filter).to({ device: picture.device });
    return rows.matmul(picture.float()).matmul(columns.t());
  });
}

/** [to, from]: how much of each old position a new one holds. */
function resizeMatrix(from: number, to: number, filter: ResizeFilter): Tensor {
  const values = new Float64Array(to * from);
  for (let i = 0; i < to; i++) {
    const weights = filter === "bicubic" ? bicubicWeights(i, from / to) : lanczosWeights(i, { scale: from / to, from });
    const sum = weights.reduce((total, [, weight]) => total + weight, 0);
    for (const [position, weight] of weights) {
      const at = i * from + Math.min(Math.max(position, 0), from - 1);
      values[at] = (values[at] ?? 0) + weight / sum;
    }
  }
  return tensor(values, { shape: [to, from] });
}

type Weights = (readonly [position: number, weight: number])[];

function bicubicWeights(i: number, scale: number): Weights {
  const center = (i + 0.5) * scale - 0.5;
  const first = Math.floor(center) - 1;
  return [0, 1, 2, 3].map((k) => [first + k, cubic(Math.abs(center - first - k))]);
}

/** The cubic of Keys at a distance of at most 2. */
function cubic(x: number): number {
  const a = CUBIC_A;
  return x <= 1 ? ((a + 2) * x - (a + 3)) * x * x + 1 : ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
}

function lanczosWeights(i: number, { scale, from }: { scale: number; from: number }): Weights {
  const stretch = Math.max(scale, 1);
  const center = (i + 0.5) * scale;
  const first = Math.max(0, Math.trunc(center - LANCZOS_LOBES * stretch + 0.5));
  const end = Math.min(from, Math.trunc(center + LANCZOS_LOBES * stretch + 0.5));
  return Array.from(
    { length: end - first },
    (_, k) => [first + k, lanczos((first + k - center + 0.5) / stretch)] as const,
  );
}

function lanczos(x: number): number {
  return Math.abs(x) < LANCZOS_LOBES ? sinc(x) * sinc(x / LANCZOS_LOBES) : 0;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}
