/** Where the time of a step goes. */

/**
 * Seconds of a step by its parts, by the host's clock. On a card the host runs ahead: there `forward` is the time to issue
 * the work, and `backward` holds the wait for all of it, up to the one look at the loss.
 */
export interface StepTimes {
  /** Reading and noising the clips */
  readonly data: number;
  readonly forward: number;
  /** Recomputed blocks included */
  readonly backward: number;
  /** Clipping and the optimizer */
  readonly update: number;
}

/** A stopwatch that adds each lap to one of the parts. */
export class Laps {
  readonly #times = { data: 0, forward: 0, backward: 0, update: 0 };
  #from = performance.now();

  /** Ends a lap and begins the next. */
  end(part: keyof StepTimes): void {
    const now = performance.now();
    this.#times[part] += (now - this.#from) / 1000;
    this.#from = now;
  }

  /** What was measured so far. */
  get times(): StepTimes {
    return { ...this.#times };
  }
}
