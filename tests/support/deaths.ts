/** The ways in which a training process can end before its time, one after the other, and how the run goes on. */

import assert from "node:assert/strict";
import { existsSync, statfsSync } from "node:fs";
import { join } from "node:path";
import type { Random } from "../../src/base/mod.ts";
import type { TrainProcess, Workplace } from "./workplace.ts";

/** How a process ends: by kill -9, by SIGTERM, or for want of disk space. */
export type Death = "kill" | "term" | "full disk";

/** Steps that a process takes at most before it dies. */
export const STEPS_BETWEEN_DEATHS = 4;

/** Where a run lives whose process dies again and again. */
export interface Patient {
  readonly place: Workplace;
  readonly config: string;
  /** Its folder of runs; a small disk where "full disk" is among the deaths */
  readonly runsDir: string;
  readonly numbers: Random;
}

/** The run that a restart goes on with: the one whose folder is complete. */
export function existingRun({ place, runsDir }: Pick<Patient, "place" | "runsDir">): string | undefined {
  return place.runs(runsDir).find((path) => existsSync(join(path, "config.json")) && existsSync(join(path, "run.db")));
}

/** Starts or resumes the run, and lets it die. @returns the last step that it took */
export async function die(patient: Patient, death: Death): Promise<number> {
  const { place, config, runsDir, numbers } = patient;
  const run = existingRun(patient);
  await using child = place.train(run === undefined ? [config, "--set", `runsDir=${runsDir}`] : ["--resume", run]);
  // On the way to the first step a disk cannot be told to be full, nor a signal be answered by a checkpoint.
  const early = death === "kill" && numbers.next() < 0.25;
  if (early) await killWithin(child, 300 + numbers.next() * 1500);
  else {
    const wanted = 1 + Math.floor(numbers.next() * STEPS_BETWEEN_DEATHS);
    let heard = 0;
    await child.until("step", () => ++heard === wanted);
    await new Promise((done) => setTimeout(done, numbers.next() * 80));
    await END[death](child, runsDir);
  }
  return child.events.findLast((event) => event.type === "step")?.step ?? 0;
}

const END: Record<Death, (child: TrainProcess, disk: string) => Promise<void>> = {
  kill: async (child) => {
    child.kill("SIGKILL");
    assert.equal((await child.end()).stderr, "");
  },
  term: async (child) => {
    child.kill("SIGTERM");
    const { code, stderr } = await child.end();
    assert.equal(code, 130, stderr);
    const last = child.events.findLast((event) => event.type === "step")?.step;
    const saved = child.events.findLast((event) => event.type === "checkpoint")?.step;
    assert.equal(saved ?? resumedFrom(child), last ?? resumedFrom(child), "everything is saved");
  },
  "full disk": async (child, disk) => {
    const filler = join(disk, ".filler");
    fill(filler, disk);
    const { code, stderr } = await child.end();
    Deno.removeSync(filler);
    assert.equal(code, 3, stderr);
    assert.match(stderr, /^wantune: Cannot .*: the disk is full\. Free some space.*\n$/);
  },
};

async function killWithin(child: TrainProcess, milliseconds: number): Promise<void> {
  const timer = setTimeout(() => child.kill("SIGKILL"), milliseconds);
  const { stderr } = await child.end();
  clearTimeout(timer);
  assert.equal(stderr, "");
}

function resumedFrom(child: TrainProcess): number | undefined {
  return child.events.find((event) => event.type === "run.started")?.resumedFrom;
}

/** Takes all space that is left; what the process frees meanwhile is taken too. */
function fill(path: string, disk: string): void {
  using file = Deno.openSync(path, { write: true, create: true });
  const block = new Uint8Array(1 << 16);
  for (let size = block.length; size >= 1;) {
    try {
      if (file.writeSync(block.subarray(0, size)) === 0) size >>= 1;
    } catch (error) {
      assert.match(String(error), /No space left/);
      size >>= 1;
    }
  }
  assert.ok(statfsSync(disk).bfree < 16);
}
