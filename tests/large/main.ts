// deno-lint-ignore-file no-console
/**
 * Checks at real size, by hand: a checkpoint of the published 5B transformer is made, opened, run for one step and trained for
 * one; then one expert of 14B is trained for one. Each part runs in a process of its own, whose peak of resident memory is what
 * counts. Ends with 1 if a bound does not hold; says what it skips for want of disk or memory.
 *
 *     ./dev test:large [--tiny] [PART ...]
 *
 * Parts: fuzz, opening, sampling, training, expert; all unless named. WANTUNE_LARGE_DIR names the folder to work in (default: the
 * system's for temporary files); --tiny takes models of the same structure that are made in seconds, to try the checks themselves.
 */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatBytes, freeBytes } from "../../src/base/mod.ts";
import { testFile, watched } from "./watched.ts";

const isTiny = Deno.args.includes("--tiny");
const parts = Deno.args.filter((word) => !word.startsWith("-"));
const wants = (...names: readonly string[]): boolean =>
  parts.length === 0 || names.some((name) => parts.includes(name));
const parent = Deno.env.get("WANTUNE_LARGE_DIR") ?? tmpdir();

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
  console.log(`${what.padEnd(48)} ${value.padStart(12)}  ${verdict}`.trimEnd());
}

function reportPeak(what: string, { peak, limit }: { peak: number; limit: number }): void {
  report({ what, value: `${(peak / 1e9).toFixed(2)} GB`, bound: `${limit / 1e9} GB`, holds: peak <= limit });
}

/** Whether there is as much as a part needs; says so if not. */
function hasRoom(what: string, { disk = 0, memory = 0 }: { disk?: number; memory?: number }): boolean {
  if (isTiny) return true;
  const free = freeBytes(parent) ?? 0, { available } = Deno.systemMemoryInfo();
  if (free < disk) {
    console.log(`${what}: skipped: ${parent} has ${formatBytes(free)} free, ${formatBytes(disk)} are needed`);
  } else if (available < memory) {
    console.log(`${what}: skipped: ${formatBytes(available)} of memory available, ${formatBytes(memory)} needed`);
  } else return true;
  return false;
}

/** The readers of weight files against more than 100 000 broken ones. */
async function fuzz(): Promise<void> {
  const startedAt = performance.now();
  const passed = await testFile("tests/weights/fuzz_test.ts");
  report({ what: "152 000 broken weight files", value: `${((performance.now() - startedAt) / 1000).toFixed(1)} s` });
  report({ what: "all of them refused or harmless", value: passed ? "yes" : "NO", holds: passed });
}

/** Makes one transformer of a variant with random weights, lets `use` look at it, and takes it away. */
async function withTransformer(variant: string, use: (folder: string) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync({ dir: parent, prefix: "wantune-large-" });
  try {
    const model = join(folder, "model");
    const size = isTiny ? ["--tiny", "--dtype", "bfloat16"] : ["--random"];
    const init = ["main.ts", "model", "init", variant, ...size, "--only", "transformer", "--json"];
    const made = await watched([...init, "--out", model]);
    const { bytes } = JSON.parse(made.stdout);
    report({ what: `${variant}, bytes of tensors`, value: `${(bytes / 1e9).toFixed(2)} GB` });
    report({ what: "model init", value: `${made.seconds.toFixed(1)} s` });
    reportPeak("model init, peak resident", { peak: made.peak, limit: 1.5e9 });
    await use(join(model, "transformer"));
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

async function opening(folder: string): Promise<void> {
  const { seconds } = JSON.parse((await watched(["tests/large/part.ts", "open", folder])).stdout);
  report({ what: "opening it mapped", value: `${seconds.toFixed(3)} s`, bound: "0.5 s", holds: seconds <= 0.5 });
}

/** Runs a step in a process of its own. @returns the hash of what it found */
async function step(what: string, { args, limit }: { args: readonly string[]; limit: number }): Promise<string> {
  const { peak, stdout } = await watched(args);
  const { seconds, hash } = JSON.parse(stdout);
  report({ what, value: `${seconds.toFixed(1)} s` });
  reportPeak(`${what}, peak resident`, { peak, limit });
  return hash;
}

async function sampling(folder: string): Promise<void> {
  const run = (place: "mapped" | "resident", limit: number): Promise<string> =>
    step(`a sampling step, ${place}`, { args: ["tests/large/part.ts", place, folder], limit });
  const mapped = await run("mapped", 3e9);
  if (!hasRoom("a sampling step, resident", { memory: 12.5e9 })) return;
  const same = await run("resident", 12e9) === mapped;
  report({ what: "both give the same latents", value: same ? "yes" : "NO", holds: same });
}

/** @param limits of the peak of resident memory in bytes; no resident step without one */
async function training(
  folder: string,
  { latentSide, limits }: { latentSide: number; limits: { mapped: number; resident?: number } },
): Promise<void> {
  const run = (place: "mapped" | "resident", limit: number): Promise<string> =>
    step(`a LoRA's training step, ${place}`, {
      args: ["tests/large/train_step.ts", folder, place, String(latentSide)],
      limit,
    });
  const mapped = await run("mapped", limits.mapped);
  const { resident } = limits;
  if (resident === undefined || !hasRoom("a LoRA's training step, resident", { memory: resident + 0.5e9 })) return;
  const same = await run("resident", resident) === mapped;
  report({ what: "both give the same gradients", value: same ? "yes" : "NO", holds: same });
}

if (!isTiny && wants("fuzz")) await fuzz();
// 9 frames of 64x64 are latents of 3 x 4 x 4 for the 5B model, of 3 x 8 x 8 for those of 14B
if (wants("opening", "sampling", "training") && hasRoom("wan2.2-ti2v-5b", { disk: 10.5e9 })) {
  await withTransformer("wan2.2-ti2v-5b", async (folder) => {
    if (wants("opening")) await opening(folder);
    if (wants("sampling")) await sampling(folder);
    if (wants("training")) await training(folder, { latentSide: 4, limits: { mapped: 4e9, resident: 14e9 } });
  });
}
if (wants("expert") && hasRoom("an expert of wan2.2-t2v-a14b", { disk: 30e9 })) {
  await withTransformer("wan2.2-t2v-a14b", (folder) => training(folder, { latentSide: 8, limits: { mapped: 5e9 } }));
}
Deno.exit(failed ? 1 : 0);
