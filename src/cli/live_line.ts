/** Progress on standard error: one live line on a terminal, a line for each item elsewhere. */

import { formatBytes, formatDuration } from "../base/mod.ts";
import { complain, oneLine, writeText } from "./output.ts";

const EVERY_MILLISECONDS = 100;

/** A line that is written anew until it is closed. */
export class LiveLine implements Disposable {
  #item = "";
  #shownAt = 0;
  #live = false;

  /**
   * Shows where something stands.
   * @param item what is worked on; on a terminal each gets a line of its own, elsewhere it is said once
   * @param text where it stands, behind the item
   */
  show(item: string, text: string, options: { finished?: boolean } = {}): void {
    const isNew = item !== this.#item;
    this.#item = item;
    if (!Deno.stderr.isTerminal()) {
      if (isNew) complain(oneLine(item));
      return;
    }
    if (!isNew && !options.finished && Date.now() - this.#shownAt < EVERY_MILLISECONDS) return;
    this.#shownAt = Date.now();
    const line = oneLine(`${item}  ${text}`).slice(0, Deno.consoleSize().columns - 1);
    writeText(Deno.stderr, `${isNew && this.#live ? "\n" : "\r\x1b[K"}${line}`);
    this.#live = true;
  }

  /** A line that stays. */
  say(line: string): void {
    this.close();
    complain(oneLine(line));
  }

  /** Ends the live line. */
  close(): void {
    if (this.#live) writeText(Deno.stderr, "\n");
    this.#live = false;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** The pace of a transfer over the last seconds, and what it means for the rest. */
export class Pace {
  readonly #now: () => number;
  readonly #marks: { at: number; bytes: number }[] = [];

  /** @param now the time in milliseconds */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** `12.0 MiB of 1.0 GiB  4.1 MiB/s  4 min 10 s left`, as far as that is known. */
  describe({ doneBytes, totalBytes, movedBytes = doneBytes }: {
    doneBytes: number;
    totalBytes: number | undefined;
    /** What of `doneBytes` was moved rather than there already. */
    movedBytes?: number;
  }): string {
    const at = this.#now();
    const marks = this.#marks;
    if (at - (marks.at(-1)?.at ?? -Infinity) >= 250) marks.push({ at, bytes: movedBytes });
    while (marks.length > 2 && at - (marks[0]?.at ?? at) > 10_000) marks.shift();
    const [first] = marks;
    const seconds = (at - (first?.at ?? at)) / 1000;
    const rate = seconds < 1 ? undefined : (movedBytes - (first?.bytes ?? 0)) / seconds;
    const of = totalBytes === undefined ? "" : ` of ${formatBytes(totalBytes)}`;
    const pace = rate === undefined ? "" : `  ${formatBytes(Math.round(rate))}/s`;
    const left = rate === undefined || rate <= 0 || totalBytes === undefined || totalBytes === doneBytes
      ? ""
      : `  ${formatDuration((totalBytes - doneBytes) / rate)} left`;
    return `${formatBytes(doneBytes)}${of}${pace}${left}`;
  }
}
