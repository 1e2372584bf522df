/** A folder to train in: a tiny config, a cache of its own, and the program as a child process. */

import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { libtorchCacheFolder, makeFolder, shimCacheFolder } from "../../src/base/mod.ts";
import { type EventOf, eventSchema, type EventType, type RunEvent } from "../../src/events/mod.ts";
import { findLibtorch } from "../../src/setup/mod.ts";
import { type Outcome, wantuneCommand } from "./cli.ts";
import { withFolder } from "./tmp.ts";

/** The small trained model that comes with the program. */
export const MODEL = join(import.meta.dirname ?? ".", "..", "..", "presets", "demo", "model");
/** A short clip with a caption. */
export const CLIP = join(import.meta.dirname ?? ".", "..", "data", "clips", "plant_window_tilt.mp4");

/** Sections of a config. */
export type Sections = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

const TINY: Sections = {
  model: { weights: MODEL, device: "cpu" },
  method: { rank: 2 },
  data: {
    sources: [{ path: CLIP }],
    resolution: { width: 64, height: 64 },
    numFrames: 5,
    fps: 8,
    captionDropout: 0,
  },
  train: { steps: 6, seed: 3 },
  optim: { learningRate: 0.001, warmupSteps: 2 },
  save: { everySteps: 2, dtype: "float32" },
};

/** A folder to train in. */
export interface Workplace {
  readonly folder: string;
  /** What a child's environment needs: the cache of this folder, and the libtorch of this machine. */
  readonly env: Record<string, string>;
  /** Writes a config that trains in seconds; its sections are merged into the tiny ones. */
  config(name: string, sections?: Sections): string;
  /** Runs the program here to its end. */
  run(args: readonly string[], options?: { env?: Record<string, string> }): Promise<Outcome>;
  /** Starts `train --json` here. */
  train(args: readonly string[]): TrainProcess;
  /** The folders of all runs, oldest first. */
  runs(runsDir?: string): string[];
}

/** A section over another; one that names its kind stands alone, as the fields of other kinds do not fit it. */
function laidOver(below: Sections[string] | undefined, above: Sections[string] | undefined): Sections[string] {
  return above?.kind === undefined ? { ...below, ...above } : above;
}

/** Runs `body` in a fresh folder that is gone afterwards. */
export async function withWorkplace(body: (workplace: Workplace) => void | Promise<void>): Promise<void> {
  const { dir } = await findLibtorch();
  makeFolder(shimCacheFolder()); // shared: a child that finds no shim there compiles one, once
  await withFolder(async (folder) => {
    const cache = join(folder, "cache");
    mkdirSync(cache);
    for (const shared of [shimCacheFolder(), libtorchCacheFolder()]) {
      if (existsSync(shared)) symlinkSync(shared, join(cache, shared.slice(shared.lastIndexOf("/") + 1)));
    }
    const env = {
      WANTUNE_CACHE: cache,
      WANTUNE_LIBTORCH: dir,
      WANTUNE_FFMPEG: "",
      WANTUNE_FFPROBE: "",
      OMP_WAIT_POLICY: "passive", // so small a model on a busy machine loses much time to threads that spin
    };
    await body({
      folder,
      env,
      config(name, sections = {}): string {
        const keys = new Set([...Object.keys(TINY), ...Object.keys(sections)]);
        const merged = Object.fromEntries([...keys].map((key) => [key, laidOver(TINY[key], sections[key])]));
        const path = join(folder, `${name}.jsonc`);
        Deno.writeTextFileSync(path, JSON.stringify({ name, ...merged }, null, 2));
        return path;
      },
      async run(args, options = {}): Promise<Outcome> {
        const command = wantuneCommand(args, {
          cwd: folder,
          env: { ...env, ...options.env },
          stdin: "null",
          stdout: "piped",
          stderr: "piped",
        });
        const { code, stdout, stderr } = await command.output();
        return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
      },
      train: (args) => new TrainProcess(["train", "--json", ...args], { cwd: folder, env }),
      runs(runsDir = join(folder, "runs")): string[] {
        if (!existsSync(runsDir)) return [];
        return readdirSync(runsDir).sort().map((name) => join(runsDir, name));
      },
    });
  });
}

/** A running `wantune train --json`. Always disposed of: that ends it. */
export class TrainProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #stderr: Promise<string>;
  readonly #waiting: string[] = [];
  #rest = "";
  /** Every event heard so far. */
  readonly events: RunEvent[] = [];

  constructor(args: readonly string[], options: Deno.CommandOptions) {
    this.#child = wantuneCommand(args, { ...options, stdin: "null", stdout: "piped", stderr: "piped" }).spawn();
    this.#lines = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.#stderr = new Response(this.#child.stderr).text();
  }

  /** The next event; undefined at the end of the output. A last line that is cut off, as by kill -9, is left out. */
  async next(): Promise<RunEvent | undefined> {
    while (this.#waiting.length === 0) {
      const { value, done } = await this.#lines.read();
      if (done) return undefined;
      const parts = (this.#rest + value).split("\n");
      this.#rest = parts.pop() ?? "";
      this.#waiting.push(...parts);
    }
    const event = eventSchema.parse(JSON.parse(this.#waiting.shift() ?? ""));
    this.events.push(event);
    return event;
  }

  /** Waits for an event. @throws if the process ends without it, with its last words */
  async until<T extends EventType>(type: T, fits: (event: EventOf<T>) => boolean = () => true): Promise<EventOf<T>> {
    for (let event = await this.next(); event !== undefined; event = await this.next()) {
      if (event.type === type && fits(event as EventOf<T>)) return event as EventOf<T>;
    }
    throw new Error(`no ${type} event was heard; standard error: ${await this.#stderr}`);
  }

  kill(signal: Deno.Signal): void {
    try {
      this.#child.kill(signal);
    } catch {
      // it has ended by itself
    }
  }

  /** Signals it and the programs it has started, as a terminal does; it must have been started `detached`. */
  killGroup(signal: Deno.Signal): void {
    new Deno.Command("kill", { args: [`-${signal.slice(3)}`, "--", `-${this.#child.pid}`] }).outputSync();
  }

  /** Waits for its end, hearing what is left. */
  async end(): Promise<Pick<Outcome, "code" | "stderr">> {
    while (await this.next() !== undefined);
    const { code } = await this.#child.status;
    return { code, stderr: await this.#stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill("SIGKILL");
    await this.end();
  }
}

/** The events that a `--json` run printed; each line is checked. */
export function parseEvents(stdout: string): RunEvent[] {
  return stdout.trimEnd().split("\n").map((line) => eventSchema.parse(JSON.parse(line)));
}

/** Asserts that the program ended with an exit code and one line on standard error that matches. */
export function assertRefused(outcome: Pick<Outcome, "code" | "stderr">, code: number, pattern: RegExp): void {
  assert.equal(outcome.code, code, outcome.stderr);
  assert.equal(outcome.stderr.trimEnd().split("\n").length, 1, outcome.stderr);
  assert.match(outcome.stderr, pattern);
}

/** Asserts that two runs wrote the same LoRA files, byte for byte. */
export function assertSameOutputs(a: string, b: string): void {
  const names = readdirSync(join(a, "outputs")).sort();
  assert.deepEqual(readdirSync(join(b, "outputs")).sort(), names);
  assert.ok(names.length > 0);
  for (const name of names) {
    const [first, second] = [a, b].map((run) => Deno.readFileSync(join(run, "outputs", name)));
    assert.deepEqual(first, second, name);
  }
}
