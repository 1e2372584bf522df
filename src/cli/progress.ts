/** What the live line says about the running step: the course of the loss, the pace and the time left. */

import { type EventOf } from "../events/mod.ts";
import { formatDuration } from "../base/mod.ts";

const SMOOTHING = 0.9;

/** Follows steps and estimates what is left. */
export class Progress {
  #totalSteps = 0;
  #loss: number | undefined;
  #secondsPerStep: number | undefined;

  /** A run begins or goes on. */
  start(event: EventOf<"run.started">): void {
    this.#totalSteps = event.totalSteps;
    this.#loss = undefined;
    this.#secondsPerStep = undefined;
  }

  /** A step was made. The first step is slower than others and only counts until there is a second. */
  step(event: EventOf<"step">): void {
    const first = this.#secondsPerStep === undefined;
    this.#loss = mix(this.#loss, event.loss);
    this.#secondsPerStep = this.#counted === 1 ? event.seconds : mix(this.#secondsPerStep, event.seconds);
    this.#counted = first ? 1 : this.#counted + 1;
  }

  #counted = 0;

  /** `step 120/2000  loss 0.1234  1.52 s/step  47 min 40 s left`. */
  line(event: EventOf<"step">): string {
    const seconds = this.#secondsPerStep ?? event.seconds;
    const left = Math.max(0, this.#totalSteps - event.step) * seconds;
    const total = this.#totalSteps > 0 ? `/${this.#totalSteps}` : "";
    const parts = [`step ${event.step}${total}`, `loss ${(this.#loss ?? event.loss).toFixed(4)}`, pace(seconds)];
    if (this.#totalSteps > 0) parts.push(`${formatDuration(left)} left`);
    return parts.join("  ");
  }
}

function pace(seconds: number): string {
  return `${seconds < 10 ? seconds.toFixed(2) : seconds.toFixed(1)} s/step`;
}

function mix(before: number | undefined, now: number): number {
  return before === undefined ? now : before * SMOOTHING + now * (1 - SMOOTHING);
}
