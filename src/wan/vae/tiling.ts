/**
 * Working on overlapping tiles of a video, each through all of its frames, so that memory depends on the tile and not on
 * the video. Neighbours are blended linearly over their overlap, so there are no seams; but what the attention of the
 * middle and the borders of convolutions see is a tile, so the result differs a little from that of the whole.
 * Source: diffusers autoencoder_kl_wan.py, tiled_encode, tiled_decode, blend_v, blend_h.
 */
import { arange, type Device, empty, type Tensor, tidy, unscoped } from "../../torch/mod.ts";
import type { VaeConfig } from "./config.ts";

/** Sizes of tiles and the distance from one to the next, in pixels. */
export interface TileSizes {
  readonly height: number;
  readonly width: number;
  readonly strideHeight: number;
  readonly strideWidth: number;
}

/** Tiles of given sizes, none, or `auto`: tiles of the usual size where the whole would take much memory. */
export type Tiling = TileSizes | "auto" | false;

/** Which half works. */
type Half = "encode" | "decode";

/**
 * Pixels along a side. The overlap is that of diffusers' enable_tiling() without arguments; its tiles of 256 would make
 * 1.65 times the pixels of 1280 x 720, those of up to 384 make 1.35 times as many.
 */
const USUAL = { largest: 384, overlap: 64 } as const;

/**
 * Bytes of the largest activation up to which `auto` works on the whole. The peak is about 6 times that (measured with
 * the decoder of 2.1 at its published widths, float32 on the host). 480 x 832 stays whole with both kinds, 704 x 1280 does
 * not.
 */
const LARGEST_WHOLE = 1.25 * 2 ** 30;

/** Frames that are in work at once. */
const CHUNK_FRAMES = 4;

/** Bytes of the largest tensor that a half makes of a chunk of frames. */
function largestActivation(config: VaeConfig, options: { half: Half; pixels: number; elementBytes: number }): number {
  const { half, pixels, elementBytes } = options;
  const base = half === "encode" ? config.baseDim : config.decoderBaseDim;
  // The widest layer at full resolution, that of patches: the input of the last upsampling's convolution.
  const channels = base * (config.dimMult[1] ?? 1);
  return channels * CHUNK_FRAMES * elementBytes * pixels / config.patchSize ** 2;
}

/**
 * The tiles that a video is to be worked on in; undefined for none.
 * @param options.stride pixels along a side of a latent position
 * @throws {RangeError} for tiles that are not whole latent positions, or that do not reach their neighbours
 */
export function resolveTiling(
  tiling: Tiling,
  options: { config: VaeConfig; half: Half; height: number; width: number; stride: number; elementBytes: number },
): TileSizes | undefined {
  const { config, half, height, width, stride, elementBytes } = options;
  if (tiling === false) return undefined;
  if (tiling === "auto") {
    const largest = largestActivation(config, { half, pixels: height * width, elementBytes });
    return largest <= LARGEST_WHOLE ? undefined : usualTiles({ height, width, stride });
  }
  for (const [size, step] of [[tiling.height, tiling.strideHeight], [tiling.width, tiling.strideWidth]] as const) {
    if (size % stride === 0 && step % stride === 0 && 0 < step && step <= size) continue;
    throw new RangeError(
      `tiles of ${size} pixels each ${step}: both must be multiples of ${stride}, the first not less`,
    );
  }
  // Encoding, diffusers compares the video's pixels with a tile's patches: a video as large as a tile is tiled there too.
  const unit = half === "encode" ? config.patchSize : 1;
  return height <= tiling.height / unit && width <= tiling.width / unit ? undefined : tiling;
}

/** The same tiles in positions of a plane that `unit` pixels share along a side. */
export function tilesIn(unit: number, tiles: TileSizes | undefined): TileSizes | undefined {
  return tiles && {
    height: tiles.height / unit,
    width: tiles.width / unit,
    strideHeight: tiles.strideHeight / unit,
    strideWidth: tiles.strideWidth / unit,
  };
}

/** Tiles that divide a video evenly. */
function usualTiles({ height, width, stride }: { height: number; width: number; stride: number }): TileSizes {
  const step = (length: number): number => {
    const count = Math.ceil(length / (USUAL.largest - USUAL.overlap));
    return Math.ceil(length / count / stride) * stride;
  };
  const [strideHeight, strideWidth] = [step(height), step(width)];
  return { height: strideHeight + USUAL.overlap, width: strideWidth + USUAL.overlap, strideHeight, strideWidth };
}

/** A rectangle of a plane, in its positions. */
export interface Region {
  readonly y: number;
  readonly x: number;
  readonly height: number;
  readonly width: number;
}

/** Takes a part of the plane from frame `frame` on; the part is freed afterwards. */
type Put = (part: Tensor, place: { frame: number; region: Region }) => void;

/** A plane [B, C, F, height, width] that is made by regions; tiles are in its positions here. */
export interface PlaneWork {
  readonly shape: readonly [B: number, C: number, F: number, height: number, width: number];
  readonly device: Device;
  readonly tiles: TileSizes | undefined;
  /** Makes a region chunk by chunk of frames. */
  readonly make: (region: Region, put: (chunk: Tensor, frame: number) => void) => void;
  readonly put: Put;
  /** Called before the first tile and after each; may throw to end the work. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/**
 * Makes a plane: as a whole, chunk by chunk of frames, or tile by tile. Tiles go row by row, each is blended with those
 * above and to the left of it, and what no later tile covers is put.
 */
export function makePlane(work: PlaneWork): void {
  const { shape: [B, C, F, height, width], device, tiles, make, put, onProgress } = work;
  if (tiles === undefined) {
    const region = { y: 0, x: 0, height, width };
    onProgress?.(0, 1);
    make(region, (chunk, frame) => put(chunk, { frame, region }));
    return onProgress?.(1, 1);
  }
  const [rows, columns] = [starts(height, tiles.strideHeight), starts(width, tiles.strideWidth)];
  const total = rows.length * columns.length;
  let done = 0;
  using edges = new Edges(tiles);
  onProgress?.(done, total);
  for (const y of rows) {
    for (const x of columns) {
      tidy(() => {
        const size = { height: Math.min(tiles.height, height - y), width: Math.min(tiles.width, width - x) };
        const tile = empty([B, C, F, size.height, size.width], { device });
        make({ y, x, ...size }, (chunk, frame) => tile.narrow(2, frame, chunk.size(2)).copy_(chunk));
        edges.join(tile, { y, x });
        const own = {
          height: Math.min(tiles.strideHeight, size.height),
          width: Math.min(tiles.strideWidth, size.width),
        };
        put(tile.narrow(3, 0, own.height).narrow(4, 0, own.width), { frame: 0, region: { y, x, ...own } });
      });
      onProgress?.(++done, total);
    }
  }
}

/** What is left of finished tiles for their neighbours: of each column the lower edge, of the last tile the right one. */
class Edges implements Disposable {
  readonly #overlapHeight: number;
  readonly #overlapWidth: number;
  readonly #lower = new Map<number, Tensor>();
  #right: Tensor | undefined;

  constructor(tiles: TileSizes) {
    this.#overlapHeight = tiles.height - tiles.strideHeight;
    this.#overlapWidth = tiles.width - tiles.strideWidth;
  }

  /** Blends a tile with its neighbours, in place, and remembers its edges. */
  join(tile: Tensor, { y, x }: { y: number; x: number }): void {
    const [upper, left] = [this.#lower.get(x), this.#right];
    if (y > 0 && upper !== undefined) blend(tile, { edge: upper, dim: 3 });
    if (x > 0 && left !== undefined) blend(tile, { edge: left, dim: 4 });
    const kept = (dim: 3 | 4, length: number): Tensor =>
      unscoped(() => tidy(() => lastOf(tile, { dim, length }).clone()));
    upper?.[Symbol.dispose]();
    this.#lower.set(x, kept(3, this.#overlapHeight));
    left?.[Symbol.dispose]();
    this.#right = kept(4, this.#overlapWidth);
  }

  [Symbol.dispose](): void {
    for (const edge of this.#lower.values()) edge[Symbol.dispose]();
    this.#right?.[Symbol.dispose]();
  }
}

/** 0, stride, 2·stride, … below length. */
function starts(length: number, stride: number): number[] {
  return Array.from({ length: Math.ceil(length / stride) }, (_, i) => i * stride);
}

function lastOf(x: Tensor, { dim, length }: { dim: 3 | 4; length: number }): Tensor {
  const size = Math.min(length, x.size(dim));
  return x.narrow(dim, x.size(dim) - size, size);
}

/** Fades the beginning of a tile in over what its neighbour has there, in place. */
function blend(tile: Tensor, { edge, dim }: { edge: Tensor; dim: 3 | 4 }): void {
  const length = Math.min(edge.size(dim), tile.size(dim));
  if (length === 0) return;
  const share = arange(length, { device: tile.device }).div(length).reshape(dim === 3 ? [length, 1] : [length]);
  const begin = tile.narrow(dim, 0, length);
  begin.mul_(share);
  begin.add_(lastOf(edge, { dim, length }).mul(share.rsub(1)));
}
