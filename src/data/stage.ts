/** Tells how far a piece of work is, often enough to be followed and seldom enough to cost nothing. */

import type { Emit, EventOf } from "../events/mod.ts";

const EVERY_MS = 100;

/** Tells `stage` events. */
export class Stage {
  readonly #name: EventOf<"stage">["stage"];
  readonly #total: number;
  readonly #emit: Emit | undefined;
  #toldAt = -Infinity;
  /** Units done. */
  done = 0;

  /** @param options.total units in all; of none, nothing is told */
  constructor(name: EventOf<"stage">["stage"], { total, emit }: { total: number; emit: Emit | undefined }) {
    this.#name = name;
    this.#total = total;
    this.#emit = emit;
    this.tell(0);
  }

  /** The end is always told, what comes between at most ten times a second. */
  tell(done: number, item?: string): void {
    this.done = done;
    if (this.#total === 0 || this.#emit === undefined) return;
    if (done < this.#total && performance.now() - this.#toldAt < EVERY_MS) return;
    this.#toldAt = performance.now();
    const named = item === undefined ? {} : { item };
    this.#emit({ type: "stage", stage: this.#name, done, total: this.#total, ...named });
  }
}
