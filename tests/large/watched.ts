/** Processes of the checks at real size, with what they take of the machine. */
import { join } from "node:path";

const ROOT = join(import.meta.dirname ?? ".", "../..");

/** What a process took, and what it said. */
export interface Watched {
  /** The most resident memory, in bytes, mapped files included. */
  readonly peak: number;
  readonly seconds: number;
  readonly stdout: string;
}

/** Runs a program of this project to its end. @throws {Error} if it fails */
export async function watched(args: readonly string[]): Promise<Watched> {
  const startedAt = performance.now();
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--quiet", ...args],
    cwd: ROOT,
    stdout: "piped",
    stderr: "inherit",
  });
  const child = command.spawn();
  let peak = 0;
  const timer = setInterval(() => peak = Math.max(peak, peakOf(child.pid)), 20);
  const { success, stdout } = await child.output();
  clearInterval(timer);
  if (!success) throw new Error(`deno ${args.join(" ")} failed`);
  return { peak, seconds: (performance.now() - startedAt) / 1000, stdout: new TextDecoder().decode(stdout) };
}

/** Runs a test file with the cases that are too many for every day. @returns whether it passed */
export async function testFile(path: string): Promise<boolean> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--no-check", "--quiet", path],
    cwd: ROOT,
    env: { WANTUNE_LARGE: "1" },
    stdout: "null",
    stderr: "inherit",
  }).output();
  return success;
}

/** The peak of a process's resident memory until now; the kernel keeps it. */
function peakOf(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1] ?? 0) * 1024;
  } catch {
    return 0; // it has just ended
  }
}
