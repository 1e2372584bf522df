/**
 * The `ffmpeg` and `ffprobe` programs as child processes: found and checked once, called with argument lists (never a
 * shell), limited in time, and killed whenever the caller fails or gives up.
 */

import { resolve } from "node:path";
import { DataError, messageOf, SetupError } from "../base/mod.ts";

/** Which of the two programs. */
export type ProgramName = "ffmpeg" | "ffprobe";

/** The programs that were found, with the version that both report at least. */
export interface Programs {
  readonly ffmpeg: string;
  readonly ffprobe: string;
  /** As printed, such as `5.1.9-0+deb12u1`. */
  readonly version: string;
  /** Major and minor number; a build from the development branch counts as the newest. */
  readonly release: readonly [major: number, minor: number];
  /** What a command begins with, so that the kernel ends the child when this process ends, even by a kill. */
  readonly tie: readonly string[];
}

const LEAST_MAJOR = 5;
const CURE = "install it with `apt-get install ffmpeg` (macOS: `brew install ffmpeg`), or name the program in ";
const MAX_STDERR_LINES = 200;
const GRACE_MS = 500;
/** Bytes that are read at once at most; a pipe holds as many. */
const PIECE = 1 << 16;
/** Bytes that are written at once. */
const STDIN_PIECE = 1 << 20;

let found: { key: string; programs: Promise<Programs> } | undefined;

/**
 * Finds ffmpeg and ffprobe in `WANTUNE_FFMPEG` and `WANTUNE_FFPROBE`, else on the PATH. The answer is kept for as long
 * as these variables stay the same.
 * @throws {SetupError} if one is missing, cannot be started or is older than version 5
 */
export function findPrograms(): Promise<Programs> {
  const ffmpeg = Deno.env.get("WANTUNE_FFMPEG") || "ffmpeg";
  const ffprobe = Deno.env.get("WANTUNE_FFPROBE") || "ffprobe";
  const key = JSON.stringify([ffmpeg, ffprobe, Deno.env.get("PATH")]);
  if (found?.key === key) return found.programs;
  const programs = checkPrograms(ffmpeg, ffprobe);
  found = { key, programs };
  programs.catch(() => {
    if (found?.key === key) found = undefined; // look again once it is installed
  });
  return programs;
}

async function checkPrograms(ffmpeg: string, ffprobe: string): Promise<Programs> {
  const all = [versionOf("ffmpeg", ffmpeg), versionOf("ffprobe", ffprobe), findTie()] as const;
  await Promise.allSettled(all); // so that none still runs when another fails
  const [first, second, tie] = await Promise.all(all);
  const older = first.release[0] <= second.release[0] ? first : second;
  return { ffmpeg, ffprobe, version: first.version, release: older.release, tie };
}

/** Part of util-linux; nothing where that is missing: a child then goes on to its end. */
async function findTie(): Promise<readonly string[]> {
  const [program, ...args] = ["setpriv", "--pdeathsig", "KILL"] as const;
  try {
    const command = new Deno.Command(program, {
      args: [...args, "true"],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    });
    return (await command.output()).success ? [program, ...args] : [];
  } catch {
    return [];
  }
}

async function versionOf(name: ProgramName, program: string): Promise<Pick<Programs, "version" | "release">> {
  const variable = `WANTUNE_${name.toUpperCase()}`;
  const own = Deno.env.get(variable);
  let output: Deno.CommandOutput;
  try {
    const command = new Deno.Command(program, { args: ["-version"], stdin: "null", stdout: "piped", stderr: "null" });
    output = await command.output();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      const where = own ? `${variable} names "${own}", which does not exist` : `${name} is not on the PATH`;
      throw new SetupError(`Cannot read video: ${where}`, { cure: `${CURE}${variable}`, cause: error });
    }
    throw new SetupError(`Cannot read video: "${program}" cannot be started: ${messageOf(error)}`, {
      cure: `${CURE}${variable}`,
      cause: error,
    });
  }
  const version = /^ff(?:mpeg|probe) version (\S+)/.exec(new TextDecoder().decode(output.stdout))?.[1];
  if (version === undefined || !output.success) {
    throw new SetupError(`Cannot read video: "${program}" is not ${name} (its -version says something else)`, {
      cure: `${CURE}${variable}`,
    });
  }
  const numbers = /^n?(\d+)\.(\d+)/.exec(version);
  const release: [number, number] = numbers ? [Number(numbers[1]), Number(numbers[2])] : [Infinity, 0];
  if (release[0] < LEAST_MAJOR) {
    throw new SetupError(`Cannot read video: ${name} is version ${version}, ${LEAST_MAJOR} or newer is needed`, {
      cure: `${CURE}${variable}`,
    });
  }
  return { version, release };
}

/** A path as ffmpeg takes it without reading options, protocols or options of protocols into it. */
export function fileUrl(path: string): string {
  return `file:${resolve(path)}`;
}

/** How a child is limited. */
export interface ChildOptions {
  /** Bytes for its standard input, whole or in pieces; what goes wrong with these is thrown by {@linkcode Child.result}. */
  readonly stdin?: Uint8Array | AsyncIterable<Uint8Array> | undefined;
  /** The child is killed when it neither reads, writes nor ends for this long. */
  readonly idleSeconds?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with each line of standard error as it comes. */
  readonly onLine?: ((line: string) => void) | undefined;
  /** Lines come together, at most this long after they were written: ffmpeg writes them word by word. Default 0. */
  readonly linesEveryMs?: number | undefined;
}

/** What a finished child left. */
export interface ChildResult {
  readonly code: number;
  /** The last lines of standard error. */
  readonly lines: readonly string[];
}

/**
 * A running ffmpeg or ffprobe. Always disposed of with `await using`: that kills it if it still runs and waits until it
 * is gone.
 */
export class Child implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #lines: string[] = [];
  readonly #settled: Promise<unknown>;
  readonly #reader: ReadableStreamBYOBReader;
  readonly #options: ChildOptions;
  readonly #abort: () => void;
  /** Filled anew by each read: a buffer of its own for every piece would keep the garbage collector busy. */
  #piece: Uint8Array<ArrayBuffer> = new Uint8Array(PIECE);
  #heardAt = performance.now();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running = true;
  #late = false;
  #feedError: unknown;

  private constructor(process: Deno.ChildProcess, options: ChildOptions) {
    this.#process = process;
    this.#options = options;
    this.#reader = process.stdout.getReader({ mode: "byob" });
    this.#abort = () => this.kill();
    options.signal?.addEventListener("abort", this.#abort, { once: true });
    if (options.signal?.aborted) this.kill();
    this.#watch((options.idleSeconds ?? Infinity) * 1000);
    this.#settled = Promise.allSettled([this.#readLines(), this.#feed()]);
  }

  /** Starts a program. @throws {SetupError} if it is missing */
  static async start(name: ProgramName, args: readonly string[], options: ChildOptions = {}): Promise<Child> {
    const programs = await findPrograms();
    options.signal?.throwIfAborted();
    const [command = programs[name], ...before] = [...programs.tie, programs[name]];
    const process = new Deno.Command(command, {
      args: [...before, ...args],
      stdin: options.stdin === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
      env: { AV_LOG_FORCE_NOCOLOR: "1" },
      detached: true, // a Ctrl-C in the terminal is ours to hear: else the clip in hand would look damaged
    }).spawn();
    return new Child(process, options);
  }

  /** The next bytes of standard output, which hold until the next read; undefined at its end. */
  async read(): Promise<Uint8Array | undefined> {
    const { value, done } = await this.#reader.read(this.#piece);
    this.#touch();
    if (value !== undefined) this.#piece = new Uint8Array(value.buffer);
    return done ? undefined : value;
  }

  /**
   * Waits for the end.
   * @throws {DataError} if it was killed for being idle; the signal's reason if that was raised; what the pieces of its
   * standard input threw
   */
  async result(): Promise<ChildResult> {
    const result = await this.end();
    if (this.#feedError !== undefined) throw this.#feedError;
    return result;
  }

  /** As {@linkcode Child.result}, but for its standard input: it may have had enough before that went wrong. */
  async end(): Promise<ChildResult> {
    const [{ code }] = await Promise.all([this.#process.status, this.#settled]);
    this.#running = false;
    this.#stopWatching();
    this.#options.signal?.throwIfAborted();
    if (this.#late) {
      throw new DataError(`it did not answer for ${this.#options.idleSeconds} s`, {
        cure: "check that the file and its disk can be read",
      });
    }
    return { code, lines: this.#lines };
  }

  /** Ends the process at once; harmless when it has ended. */
  kill(): void {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // it has ended by itself
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopWatching();
    if (this.#running) this.kill();
    await this.#reader.cancel().catch(() => {});
    await Promise.allSettled([this.#process.status, this.#settled]);
  }

  #touch(): void {
    this.#heardAt = performance.now();
  }

  /** Looks again when the child could have been idle for too long, as it was heard of so often that a timer each is dear. */
  #watch(ms: number): void {
    if (ms === Infinity) return;
    this.#timer = setTimeout(() => {
      const idleMs = (this.#options.idleSeconds ?? Infinity) * 1000;
      const heard = performance.now() - this.#heardAt;
      if (heard < idleMs) return this.#watch(idleMs - heard);
      // a long native call of ours may have held up this timer and the child's output alike: look once more
      const before = this.#heardAt;
      this.#timer = setTimeout(() => this.#heardAt === before ? this.#giveUp() : this.#watch(idleMs), GRACE_MS);
    }, ms);
  }

  #giveUp(): void {
    this.#late = true;
    this.kill();
  }

  #stopWatching(): void {
    clearTimeout(this.#timer);
    this.#options.signal?.removeEventListener("abort", this.#abort);
  }

  async #readLines(): Promise<void> {
    const reader = this.#process.stderr.getReader({ mode: "byob" });
    const decoder = new TextDecoder();
    let buffer = new ArrayBuffer(PIECE);
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read(new Uint8Array(buffer));
      if (done || value === undefined) break;
      this.#touch();
      const parts = (rest + decoder.decode(value, { stream: true })).split(/[\r\n]+/);
      buffer = value.buffer;
      rest = parts.pop() ?? "";
      for (const line of parts) this.#keep(line);
      await this.#pause(this.#options.linesEveryMs ?? 0);
    }
    this.#keep(rest);
  }

  /** Waits for so long, or until the child ends. */
  async #pause(ms: number): Promise<void> {
    if (ms === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    await Promise.race([promise, this.#process.status]);
    clearTimeout(timer);
  }

  #keep(line: string): void {
    if (line.trim() === "") return;
    this.#options.onLine?.(line);
    this.#lines.push(line);
    if (this.#lines.length > MAX_STDERR_LINES) this.#lines.shift();
  }

  async #feed(): Promise<void> {
    const { stdin } = this.#options;
    if (stdin === undefined) return;
    const writer = this.#process.stdin.getWriter();
    try {
      for await (const piece of stdin instanceof Uint8Array ? [stdin] : stdin) {
        if (!await this.#write(writer, piece)) break;
      }
    } catch (error) {
      this.#feedError = error;
    } finally {
      await writer.close().catch(() => {});
    }
  }

  /** Whether it took the bytes; else it ended, and its exit code and its words say whether that is wrong. */
  async #write(writer: WritableStreamDefaultWriter<Uint8Array>, bytes: Uint8Array): Promise<boolean> {
    try {
      for (let at = 0; at < bytes.length; at += STDIN_PIECE) {
        await writer.write(bytes.subarray(at, at + STDIN_PIECE));
        this.#touch();
      }
      return true;
    } catch {
      return false;
    }
  }
}

/** Runs a program to its end and collects its standard output. @throws as {@linkcode Child.result} */
export async function runProgram(
  name: ProgramName,
  args: readonly string[],
  options: ChildOptions = {},
): Promise<ChildResult & { readonly stdout: Uint8Array }> {
  await using child = await Child.start(name, args, options);
  const pieces: Uint8Array[] = [];
  for (let piece = await child.read(); piece !== undefined; piece = await child.read()) {
    pieces.push(piece.slice());
  }
  const result = await child.result();
  const stdout = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    stdout.set(piece, at);
    at += piece.length;
  }
  return { ...result, stdout };
}

/** The last line that says what went wrong, without ffmpeg's addresses, level marks and file name. */
export function lastUsefulLine(lines: readonly string[]): string {
  const marked = lines.filter((line) => /\[(error|fatal|panic)\]/.test(line));
  const line = (marked.length > 0 ? marked : lines).at(-1) ?? "no message";
  return cleanLine(line);
}

/** One line of ffmpeg without addresses, level marks and file name. */
export function cleanLine(line: string): string {
  return line.replaceAll(/\[[^\]]* @ 0x[0-9a-f]+\]\s*/g, "").replaceAll(/\[(info|warning|error|fatal|panic)\]\s*/g, "")
    .replace(/^(file:|pipe:).*: (?=[A-Z])/, "").trim();
}
