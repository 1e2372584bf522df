/** The only place that writes to the terminal, and what may not reach it. */

import { EXIT, messageOf, WantuneError } from "../base/mod.ts";

/** Writes a line to standard output. */
export function printLine(line = ""): void {
  writeText(Deno.stdout, `${line}\n`);
}

/** Writes a line to standard error. */
export function complain(line: string): void {
  try {
    writeText(Deno.stderr, `${line}\n`);
  } catch {
    // nobody listens there any more
  }
}

/** Tells of something that is done all the same. */
export function warn(message: string): void {
  complain(`wantune: warning: ${oneLine(message)}`);
}

/** Writes text as it is. @throws {Deno.errors.BrokenPipe} when nobody reads any more */
export function writeText(stream: typeof Deno.stdout | typeof Deno.stderr, text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let done = 0; done < bytes.length;) done += stream.writeSync(bytes.subarray(done));
}

/** Text on one line, with what could steer a terminal (in a file's name, say) written out. */
export function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, " ").replaceAll(
    // deno-lint-ignore no-control-regex
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/**
 * Tells the user why a command failed.
 * @returns the exit code that belongs to it
 */
export function reportError(error: unknown): number {
  if (error instanceof Deno.errors.BrokenPipe) return EXIT.done; // as after `| head`: nobody wants the rest
  if (error instanceof WantuneError) {
    for (const line of errorLines(error)) complain(`wantune: ${line}`);
    return error.exitCode;
  }
  complain(`wantune: unexpected error: ${oneLine(messageOf(error))}`);
  complain(error instanceof Error && error.stack !== undefined ? error.stack : String(error));
  complain("wantune: this is a bug in wantune; please report it with the lines above.");
  return EXIT.ours;
}

/** An expected error in lines: one, with the cure behind it; several only where several things are wrong. */
export function errorLines(error: WantuneError): string[] {
  const lines = error.message.split("\n").map((line) => oneLine(line.trim())).filter((line) => line !== "");
  if (error.cure === undefined) return lines;
  const cure = sentence(oneLine(error.cure));
  return [...lines.slice(0, -1), `${ended(lines.at(-1) ?? "")} ${cure}`];
}

function sentence(text: string): string {
  return ended(text.slice(0, 1).toUpperCase() + text.slice(1));
}

function ended(text: string): string {
  return /[.?!:]$/.test(text) ? text : `${text}.`;
}
