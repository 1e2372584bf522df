/**
 * The weights of a model's blocks as they come and go. The layers stay, and so do the adapters on them; what they hold as
 * parameters is filled before a block is computed and emptied behind it, so that few blocks need be in memory at a time.
 */
import { type Device, type Tensor, tidy, unscoped } from "../torch/mod.ts";
import { BlockLayout } from "./block_layout.ts";
import { BlockRing } from "./block_ring.ts";
import { HostBytes } from "./host_bytes.ts";

/**
 * Where a block's weights are between its turns:
 * - `resident`: where they are computed with
 * - `streamed`: in host memory, pinned where there is a card, and copied over beside the block before
 * - `mapped`: in their file; on the host they are the file's own memory where it has the wanted type
 */
export type WeightPlace = "resident" | "streamed" | "mapped";

/** A block's parameters by name, and the tensors that each consists of: itself, or codes and scales. */
export type BlockParams = ReadonlyMap<string, readonly Tensor[]>;

/** Where parameters are had from, by name. What it hands out is the caller's. */
export interface BlockSource extends Disposable {
  /** Tensors of their own in the wanted types, on the host or where they are computed with. */
  load(name: string, device: Device): readonly Tensor[];
  /** Host tensors in the wanted types, for a short time: the file's memory where that is possible. */
  mapped(name: string): readonly Tensor[];
  /** Whether a parameter is quantised each time it is had, as its file has it in more bits; never if absent. */
  quantizes?(name: string): boolean;
  /** Begins to read from the file, without waiting for it. */
  prefetch(names: Iterable<string>): void;
  /** Lets go of memory that mapped tensors took. */
  release(): void;
}

/** Brings the weights of blocks in their turn. Owns the source and what it loaded; the layers own nothing. */
export class BlockWeights implements Disposable {
  readonly #blocks: readonly BlockParams[];
  readonly #source: BlockSource;
  readonly #device: Device;
  readonly #places: WeightPlace[];
  /** The streamed blocks' parameters in host memory. */
  readonly #copies = new Map<number, HostBytes>();
  #ring: BlockRing | undefined;

  /** @param options.blocks each block's parameters by name, away; blocks are alike */
  constructor(options: { blocks: readonly BlockParams[]; source: BlockSource; device: Device }) {
    this.#blocks = options.blocks;
    this.#source = options.source;
    this.#device = options.device;
    this.#places = options.blocks.map(() => "mapped");
  }

  /** Where each block's weights are. */
  get places(): readonly WeightPlace[] {
    return this.#places;
  }

  /** Whether mapped weights are quantised anew at each of their turns. */
  get quantizesMapped(): boolean {
    return this.#blocks.some((params) => params.keys().some((name) => this.#source.quantizes?.(name) ?? false));
  }

  /** Puts a block's weights elsewhere. @throws {WeightsError} if the file was changed */
  move(index: number, place: WeightPlace): void {
    if (this.#places[index] === place) return;
    const params = this.#paramsOf(index);
    for (const param of tensorsOf(params)) param.depart();
    this.#copies.get(index)?.[Symbol.dispose]();
    this.#copies.delete(index);
    this.#ring?.forget(index);
    this.#places[index] = "mapped"; // what holds should loading fail
    unscoped(() => {
      if (place === "resident") {
        for (const [name, parts] of params) arrive(parts, this.#source.load(name, this.#device));
      } else if (place === "streamed") {
        this.#copies.set(index, this.#loadHostBytes(params));
      }
    });
    this.#places[index] = place;
  }

  /**
   * Computes with a block: its weights are there while `run` runs.
   * @param options.next the block whose turn is next: its weights are fetched meanwhile
   */
  use<T>(index: number, options: { run: () => T; next?: number | undefined }): T {
    const { run, next } = options;
    if (next !== undefined && this.#places[next] === "mapped") this.#source.prefetch(this.#paramsOf(next).keys());
    try {
      this.#bring(index);
      const result = run();
      if (next !== undefined) this.#fetch(next); // after: a card computes while the host is busy with this
      return result;
    } finally {
      this.#leave(index);
    }
  }

  [Symbol.dispose](): void {
    for (const param of this.#blocks.flatMap(tensorsOf)) param[Symbol.dispose]();
    for (const copy of this.#copies.values()) copy[Symbol.dispose]();
    this.#copies.clear();
    this.#ring?.[Symbol.dispose]();
    this.#source[Symbol.dispose]();
  }

  #bring(index: number): void {
    const params = this.#paramsOf(index);
    if (this.#places[index] === "resident") return;
    if (!this.#throughRing(index)) {
      for (const [name, parts] of params) arrive(parts, this.#source.mapped(name));
      return;
    }
    this.#fetch(index);
    arrive(tensorsOf(params), this.#ring?.take(index) ?? []);
  }

  #leave(index: number): void {
    if (this.#places[index] === "resident") return;
    for (const param of tensorsOf(this.#paramsOf(index))) param.depart();
    if (this.#throughRing(index)) this.#ring?.done(index);
    if (this.#places[index] === "mapped") this.#source.release();
  }

  /** Starts copying a block to the device, if that is how it comes. */
  #fetch(index: number): void {
    if (this.#places[index] === "resident" || !this.#throughRing(index)) return;
    const params = this.#paramsOf(index);
    this.#ring ??= new BlockRing(new BlockLayout(tensorsOf(params)), this.#device);
    const mapped = (): Tensor[] => [...params.keys()].flatMap((name) => this.#source.mapped(name));
    this.#ring.fetch(index, this.#copies.get(index) ?? mapped);
  }

  /** A block's parameters from their file into host memory, one at a time. */
  #loadHostBytes(params: BlockParams): HostBytes {
    using undo = new DisposableStack();
    const layout = new BlockLayout(tensorsOf(params));
    const host = undo.use(new HostBytes(layout.numBytes, { pinned: this.#device !== "cpu" }));
    let index = 0;
    for (const name of params.keys()) {
      tidy(() => {
        for (const part of this.#source.load(name, "cpu")) host.write(layout.offsets[index++] as number, part);
      });
    }
    undo.move();
    return host;
  }

  #throughRing(index: number): boolean {
    return this.#places[index] === "streamed" || this.#device !== "cpu";
  }

  #paramsOf(index: number): BlockParams {
    const params = this.#blocks[index];
    if (params === undefined) throw new RangeError(`a model of ${this.#blocks.length} blocks has no block ${index}`);
    return params;
  }
}

function tensorsOf(params: BlockParams): Tensor[] {
  return [...params.values()].flat();
}

function arrive(params: readonly Tensor[], elements: readonly Tensor[]): void {
  params.forEach((param, i) => param.arrive(elements[i] as Tensor));
}
