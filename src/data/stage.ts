/** Tells how far a piece of work is, often enough to be followed and seldom enough to cost nothing. */

import type { Emit, EventOf } from "../events/mod.ts";

const EVERY_MS = 100;

/** Tells `stage` events: what is begun, at most ten times a second, and the end. */
export class Stage {
  readonly #name: EventOf<"stage">["stage"];
  readonly #total: number;
  readonly #emit: Emit | undefined;
  #done = 0;
  #toldAt = -Infinity;

  /** @param options.total units in all; of none, nothing is told */
  constructor(name: EventOf<"stage">["stage"], { total, emit }: { total: number; emit: Emit | undefined }) {
    this.#name = name;
    this.#total = total;
    this.#emit = emit;
    this.#tell();
  }

  /** A unit is begun. */
  begin(item: string): void {
    if (performance.now() - this.#toldAt >= EVERY_MS) this.#tell(item);
  }

  /** A unit is done. */
  end(): void {
    if (++this.#done === this.#total) this.#tell();
  }

  #tell(item?: string): void {
    if (this.#total === 0) return;
    this.#toldAt = performance.now();
    const named = item === undefined ? {} : { item };
    this.#emit?.({ type: "stage", stage: this.#name, done: this.#done, total: this.#total, ...named });
  }
}
