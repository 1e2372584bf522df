/**
 * Runs that die again and again end with the files of a run that never did. A few deaths by default; WANTUNE_KILLS=50 has
 * so many by kill -9, and a fifth of it each by SIGTERM and by a full disk, shared out among the methods.
 */

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { random } from "../../src/base/mod.ts";
import { type Death, die, existingRun, STEPS_BETWEEN_DEATHS } from "../support/deaths.ts";
import { withSmallDisk } from "../support/tmp.ts";
import { CLIP, type Sections, withWorkplace } from "../support/workplace.ts";

/** Other ways to train, each with something besides the tensors that a resume has to get right. */
const METHODS: Readonly<Record<string, Sections>> = {
  "a LoRA with dropout and averages, on several sources, validated": {
    method: { rank: 2, dropout: 0.1 },
    data: {
      sources: ["plant_window_tilt.mp4", "sintel_dunes.mp4", "cockatoo_approach.mp4"].map((name) => ({
        path: join(dirname(CLIP), name),
      })),
      captionDropout: 0.2,
    },
    optim: { learningRate: 1e-3, warmupSteps: 2, ema: { decay: 0.9 } },
    validation: { everySteps: 5, share: 0.3 },
  },
  "the whole model": { method: { kind: "full" }, optim: { learningRate: 1e-4, warmupSteps: 2 } },
  "an embedding": {
    method: { kind: "embedding", token: "<tree>", vectors: 2 },
    data: { triggerWord: "<tree>" },
    optim: { learningRate: 1e-2, warmupSteps: 2 },
  },
  "LoRAs of both experts in turns": {
    model: { weights: join(import.meta.dirname ?? ".", "..", "golden", "checkpoints", "t2v_a14b") },
    method: { rank: 2 },
    train: { switchEvery: 3 },
  },
};

/** Deaths of each kind, for all methods together. */
const TOTAL = ((): Record<Death, number> => {
  const kills = Number(Deno.env.get("WANTUNE_KILLS") ?? "8");
  const others = Math.max(Object.keys(METHODS).length, Math.round(kills / 5));
  return { kill: kills, term: others, "full disk": others };
})();

/** Bytes of the disk that is filled: room for three checkpoints of the whole model, and what comes out. */
const DISK_KIBIBYTES = 512 * 1024;

/** The deaths of one method, in an order by chance. */
function deathsOf(index: number, numbers: ReturnType<typeof random>): Death[] {
  const count = Object.keys(METHODS).length;
  const share = (total: number): number => Math.floor((total + index) / count);
  return numbers.shuffle((Object.keys(TOTAL) as Death[]).flatMap((death) => Array(share(TOTAL[death])).fill(death)));
}

/** Every file of a folder by its name, folders in it included. */
function filesOf(folder: string): Map<string, Uint8Array> {
  const names = readdirSync(folder, { recursive: true }).map(String).sort();
  return new Map(
    names.filter((name) => Deno.statSync(join(folder, name)).isFile)
      .map((name) => [name, Deno.readFileSync(join(folder, name))]),
  );
}

for (const [index, [name, sections]] of Object.entries(METHODS).entries()) {
  Deno.test(`killed, terminated and out of disk at random moments: ${name} comes out as of an unbroken run`, async () => {
    const seed = BigInt(Date.now());
    const numbers = random(seed);
    const deaths = deathsOf(index, numbers);
    const ran = await withSmallDisk(DISK_KIBIBYTES, async (disk) => await survive(deaths, { disk, sections, seed }));
    if (!ran) {
      const others = deaths.filter((death) => death !== "full disk");
      await withWorkplace(({ folder }) => survive(others, { disk: join(folder, "runs"), sections, seed }));
    }
  });
}

/** Steps that are left when the last death comes: on a busy machine it is late, and a step takes a hundredth of a second. */
const STEPS_TO_SPARE = 60;

async function survive(
  deaths: readonly Death[],
  { disk, sections, seed }: { disk: string; sections: Sections; seed: bigint },
): Promise<void> {
  const steps = STEPS_TO_SPARE + 2 * deaths.length * STEPS_BETWEEN_DEATHS;
  const experts = sections.train?.switchEvery === undefined ? 1 : 2;
  const all: Sections = {
    ...sections,
    train: { ...sections.train, steps: Math.ceil(steps / experts), seed: 3 },
    save: { everySteps: 2, dtype: "float32" },
  };
  const numbers = random(seed + 1n);
  await withWorkplace(async (broken) => {
    const patient = { place: broken, config: broken.config("cat", all), runsDir: disk, numbers };
    const diedAt: string[] = [];
    for (const death of deaths) diedAt.push(`${death} ${await die(patient, death)}`);
    const told = `seed ${seed}: ${diedAt.join(", ")} of ${steps}`;
    // deno-lint-ignore no-console
    console.log(told);
    const run = existingRun(patient) ?? "";
    assert.deepEqual(readdirSync(join(run, "outputs")), [], `the run was done before the last death: ${told}`);
    const last = await broken.run(["train", "--resume", run]);
    assert.equal(last.code, 0, `${told}: ${last.stderr}`);
    await withWorkplace(async (whole) => { // with a cache of its own, so that what was encoded is compared too
      const { code, stderr } = await whole.run(["train", whole.config("cat", all)]);
      assert.equal(code, 0, stderr);
      const [unbroken = ""] = whole.runs();
      const [wanted, found] = [unbroken, run].map((path) => filesOf(join(path, "outputs")));
      assert.ok(wanted !== undefined && wanted.size > 0);
      assert.deepEqual([...found?.keys() ?? []], [...wanted.keys()], told);
      for (const [file, bytes] of wanted) assert.deepEqual(found?.get(file), bytes, `${file}: ${told}`);
    });
    const left = readdirSync(join(run, "checkpoints")).concat(readdirSync(join(run, "outputs")));
    assert.ok(left.every((file) => !file.startsWith(".")), `left behind: ${left}`);
  });
}
