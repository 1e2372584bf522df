/** Events for people: one live line on a terminal, plain lines elsewhere; or as JSON lines for programs. */

import { formatBytes, formatDuration } from "../base/mod.ts";
import type { EventOf, Reader, RunEvent } from "../events/mod.ts";
import { oneLine } from "./output.ts";
import { Progress } from "./progress.ts";

/** Where and how events are shown. */
export interface RenderOptions {
  /** One JSON object a line, nothing else. */
  readonly json?: boolean;
  /** Whether text goes to a terminal, whose last line can be written anew. */
  readonly terminal: boolean;
  /** Width of the terminal in characters. */
  readonly columns?: number;
  readonly write: (text: string) => void;
  /** What names the run on a command line; its id if absent, which is found in the usual folder alone. */
  readonly run?: string;
  /** The time in milliseconds. */
  readonly now?: () => number;
}

const PLAIN_EVERY_MILLISECONDS = 10_000;
const LIVE_EVERY_MILLISECONDS = 80;

/** Shows events as they come. */
export class Renderer {
  readonly #options: RenderOptions;
  readonly #progress = new Progress();
  #live = "";
  #shownAt = -Infinity;
  #shownStage = "";
  #numRejected = 0;

  constructor(options: RenderOptions) {
    this.#options = options;
  }

  /** Hears an event; fits {@linkcode EventBus.subscribe}. */
  readonly read: Reader = (event) => {
    if (this.#options.json) return this.#options.write(`${JSON.stringify(event)}\n`);
    this.#show(event);
  };

  /** Ends the live line, so that what is written next stands on its own. */
  close(): void {
    if (this.#live !== "") this.#options.write("\n");
    this.#live = "";
  }

  #show(event: RunEvent): void {
    switch (event.type) {
      case "run.started":
        return this.#started(event);
      case "noise":
        for (const line of noiseLines(event)) this.#line(line);
        return;
      case "model":
        this.#line(`model ${event.title}, ${event.name}`);
        for (const { sentence } of event.parts) this.#line(`  ${sentence}`);
        return;
      case "plan": {
        const whose = event.expert === undefined ? "" : ` of the ${event.expert}-noise expert`;
        return this.#line(`memory${whose}: ${event.text}; a step is expected to take ${formatBytes(event.peakBytes)}`);
      }
      case "stage":
        return this.#stage(event);
      case "file":
        if (event.status === "used") return;
        this.#numRejected++;
        return this.#line(`left out: ${event.path}: ${withCure(event.reason, event.cure)}`);
      case "data":
        return this.#line(dataText(event));
      case "step":
        this.#progress.step(event);
        return this.#update(this.#progress.line(event), { last: false });
      case "validation":
        return this.#line(validationLine(event));
      case "pause":
        return this.#line(event.paused ? `paused after step ${event.step}` : `going on after step ${event.step}`);
      case "sample":
        return this.#line(`sample at step ${event.step}: ${event.path}`);
      case "checkpoint":
        return this.#line(`checkpoint at step ${event.step}: ${event.path} (${formatBytes(event.bytes)})`);
      case "outputs":
        for (const path of event.paths) this.#line(`saved ${path}`);
        return;
      case "warning":
        return this.#line(`warning: ${withCure(event.message, event.cure)}`);
      case "run.ended":
        return this.#ended(event);
    }
  }

  #started(event: EventOf<"run.started">): void {
    this.#progress.start(event);
    this.#line(
      `run ${event.run} on ${event.device}: ${event.totalSteps} steps, ` +
        `${event.numTrainable.toLocaleString("en-US")} trained numbers` +
        (event.resumedFrom === undefined ? "" : `, resumed after step ${event.resumedFrom}`),
    );
    for (const { path, from, to, effect } of event.changes ?? []) {
      this.#line(`changed: ${path} from ${shown(from)} to ${shown(to)}: ${effect}`);
    }
  }

  #stage(event: EventOf<"stage">): void {
    const item = event.item === undefined ? "" : `  ${event.item}`;
    const count = event.total > 0 ? ` ${round(event.done)}/${round(event.total)}` : "";
    const last = event.done >= event.total;
    if (event.stage !== this.#shownStage) this.#shownAt = -Infinity; // a new stage is told at once
    this.#shownStage = event.stage;
    this.#update(`${event.stage}${count}${last ? "" : item}`, { last });
  }

  #ended(event: EventOf<"run.ended">): void {
    const left = this.#numRejected > 0 ? `; ${this.#numRejected} files were left out` : "";
    if (event.early !== undefined) this.#line(`ended early: ${event.early}`);
    if (event.status === "done") this.#line(`done in ${formatDuration(event.seconds)}${left}`);
    else {this.#line(
        `${event.status} after ${formatDuration(event.seconds)}; resume with: wantune train --resume ${
          this.#options.run ?? event.run
        }`,
      );}
    this.close();
  }

  /** A line that stays. */
  #line(text: string): void {
    const { terminal, write } = this.#options;
    if (!terminal) return write(`${oneLine(text)}\n`);
    write(`${this.#live === "" ? "" : "\r\x1b[K"}${oneLine(text)}\n${this.#live}`);
  }

  /** A line that the next one of its kind replaces; where lines cannot be replaced, it is told now and then. */
  #update(text: string, { last }: { last: boolean }): void {
    const { terminal, columns = 80, write, now = Date.now } = this.#options;
    const every = terminal ? LIVE_EVERY_MILLISECONDS : PLAIN_EVERY_MILLISECONDS;
    if (!last && now() - this.#shownAt < every) return;
    this.#shownAt = now();
    if (!terminal) return write(`${oneLine(text)}\n`);
    this.#live = oneLine(text).slice(0, Math.max(10, columns - 1));
    write(`\r\x1b[K${this.#live}`);
  }
}

/** A renderer for this process's standard output. */
export function rendererForStdout(options: Pick<RenderOptions, "json" | "write" | "run">): Renderer {
  const terminal = Deno.stdout.isTerminal();
  return new Renderer({ ...options, terminal, columns: terminal ? Deno.consoleSize().columns : 80 });
}

/** How noise levels will be drawn: `noise levels: 0-0.1 4 %, 0.1-0.2 6 %, ...`, a line for each expert. */
function noiseLines({ experts }: EventOf<"noise">): string[] {
  return experts.map(({ expert, share, bins }) => {
    const whose = expert === "only" ? "noise levels" : `noise levels, ${expert} noise (${percent(share)} of the law)`;
    const parts = bins.flatMap((bin, i) => bin === 0 ? [] : [`${tenth(i)}-${tenth(i + 1)} ${percent(bin)}`]);
    return `${whose}: ${parts.join(", ")}`;
  });
}

function validationLine({ step, loss, best, experts, numClips }: EventOf<"validation">): string {
  const each = experts.length > 1
    ? ` (${experts.map((one) => `${one.expert} ${one.loss.toFixed(4)}`).join(", ")})`
    : "";
  const clips = numClips === 1 ? "1 clip" : `${numClips} clips`;
  return `validation at step ${step}: loss ${loss.toFixed(4)}${each} on ${clips}${best ? ", the best so far" : ""}`;
}

function percent(share: number): string {
  return share < 0.0005 ? "<0.1 %" : `${(share * 100).toFixed(share < 0.0995 ? 1 : 0)} %`;
}

function tenth(count: number): string {
  return (count / 10).toFixed(1).replace(/\.0$/, "");
}

function shown(value: unknown): string {
  return value === undefined ? "nothing" : JSON.stringify(value);
}

function dataText({ used, items, buckets, seconds, secondsUsed }: EventOf<"data">): string {
  const film = seconds > 0 ? `, ${Math.round(secondsUsed)} of ${Math.round(seconds)} s shown` : "";
  return `${used} files give ${items} items in ${buckets.length} buckets${film}`;
}

function withCure(text: string, cure: string | undefined): string {
  return cure === undefined ? text : `${text.replace(/[.;]$/, "")} (${cure.replace(/\.$/, "")})`;
}

function round(number: number): string {
  return Number.isInteger(number) ? String(number) : number.toFixed(1);
}
