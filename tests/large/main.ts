// deno-lint-ignore-file no-console
/**
 * Checks at real size, by hand: a checkpoint of the published 5B transformer is made, opened and run for one step. Each part
 * runs in a process of its own, whose peak of resident memory is what counts. Ends with 1 if a bound does not hold.
 *
 *     ./dev test:large            WANTUNE_LARGE_DIR names the folder to work in (default: the system's for temporary files)
 */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatBytes, freeBytes } from "../../src/base/mod.ts";

const NEEDED_DISK = 10.5e9;
const NEEDED_MEMORY = 12.5e9;
const ROOT = join(import.meta.dirname ?? ".", "../..");

/** One line of the report. */
interface Line {
  readonly what: string;
  readonly value: string;
  readonly bound?: string;
  readonly holds?: boolean;
}

let failed = false;

function report({ what, value, bound, holds = true }: Line): void {
  if (!holds) failed = true;
  const verdict = bound === undefined ? "" : holds ? `ok, at most ${bound}` : `MORE THAN ${bound}`;
  console.log(`${what.padEnd(44)} ${value.padStart(12)}  ${verdict}`.trimEnd());
}

function reportPeak(what: string, { peak, limit }: { peak: number; limit: number }): void {
  report({ what, value: `${(peak / 1e9).toFixed(2)} GB`, bound: `${limit / 1e9} GB`, holds: peak <= limit });
}

/** Runs a process to its end and watches the peak of its resident memory. */
async function watched(args: readonly string[]): Promise<{ peak: number; seconds: number; stdout: string }> {
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

/** The peak of a process's resident memory until now, mapped files included; the kernel keeps it. */
function peakOf(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1] ?? 0) * 1024;
  } catch {
    return 0; // it has just ended
  }
}

function availableMemory(): number {
  return Number(/MemAvailable:\s+(\d+) kB/.exec(Deno.readTextFileSync("/proc/meminfo"))?.[1] ?? 0) * 1024;
}

/** The readers of weight files against more than 100 000 broken ones. */
async function fuzz(): Promise<void> {
  const startedAt = performance.now();
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--no-check", "--quiet", "tests/weights/fuzz_test.ts"],
    cwd: ROOT,
    env: { WANTUNE_LARGE: "1" },
    stdout: "null",
    stderr: "inherit",
  }).output();
  report({ what: "152 000 broken weight files", value: `${((performance.now() - startedAt) / 1000).toFixed(1)} s` });
  report({ what: "all of them refused or harmless", value: success ? "yes" : "NO", holds: success });
}

async function main(): Promise<void> {
  await fuzz();
  const parent = Deno.env.get("WANTUNE_LARGE_DIR") ?? tmpdir();
  const free = freeBytes(parent) ?? 0;
  if (free < NEEDED_DISK) {
    console.log(`skipped: ${parent} has ${formatBytes(free)} free, ${formatBytes(NEEDED_DISK)} are needed`);
    return;
  }
  const folder = Deno.makeTempDirSync({ dir: parent, prefix: "wantune-large-" });
  try {
    const model = join(folder, "model");
    const init = ["main.ts", "model", "init", "wan2.2-ti2v-5b", "--random", "--only", "transformer", "--json"];
    const made = await watched([...init, "--out", model]);
    const { bytes } = JSON.parse(made.stdout);
    report({ what: "model init --random, bytes of tensors", value: `${(bytes / 1e9).toFixed(2)} GB` });
    report({ what: "model init --random", value: `${made.seconds.toFixed(1)} s` });
    reportPeak("model init --random, peak resident", { peak: made.peak, limit: 1.5e9 });

    const opened = await watched(["tests/large/part.ts", "open", model]);
    const { seconds } = JSON.parse(opened.stdout);
    report({ what: "opening it mapped", value: `${seconds.toFixed(3)} s`, bound: "0.5 s", holds: seconds <= 0.5 });

    const streamed = await watched(["tests/large/part.ts", "streamed", model]);
    const one = JSON.parse(streamed.stdout);
    report({ what: "a step at 9 frames of 64x64, streamed", value: `${one.seconds.toFixed(1)} s` });
    reportPeak("streamed, peak resident", { peak: streamed.peak, limit: 3e9 });

    const memory = availableMemory();
    if (memory < NEEDED_MEMORY) {
      console.log(
        `resident step skipped: ${formatBytes(memory)} of memory available, ${formatBytes(NEEDED_MEMORY)} needed`,
      );
      return;
    }
    const resident = await watched(["tests/large/part.ts", "resident", model]);
    const other = JSON.parse(resident.stdout);
    report({ what: "the same, resident", value: `${other.seconds.toFixed(1)} s` });
    reportPeak("resident, peak resident", { peak: resident.peak, limit: 12e9 });
    const same = one.hash === other.hash;
    report({ what: "both give the same latents", value: same ? "yes" : "NO", holds: same });
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

await main();
Deno.exit(failed ? 1 : 0);
