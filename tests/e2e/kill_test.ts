import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { random } from "../../src/base/mod.ts";
import { assertSameOutputs, withWorkplace, type Workplace } from "../support/workplace.ts";

const KILLS = 20;
const SECTIONS = { train: { steps: 100, seed: 3 }, save: { everySteps: 2, dtype: "float32" } };

/** The run that a restart goes on with: the one whose folder is complete. */
function existing({ runs }: Workplace): string | undefined {
  return runs().find((path) => existsSync(join(path, "config.json")) && existsSync(join(path, "run.db")));
}

Deno.test("kill -9 at random moments, 20 times in a row: the LoRA files are those of an unbroken run", async () => {
  const seed = BigInt(Date.now());
  const numbers = random(seed);
  await withWorkplace(async (broken) => {
    const path = broken.config("cat", SECTIONS);
    const killedAt: number[] = [];
    while (killedAt.length < KILLS) {
      const run = existing(broken);
      await using child = broken.train(run === undefined ? [path] : ["--resume", run]);
      if (numbers.next() < 0.25) { // on the way to the first step: while probing, encoding, loading
        const dead = new Promise((done) => setTimeout(done, 300 + numbers.next() * 1500)).then(() =>
          child.kill("SIGKILL")
        );
        await Promise.all([dead, child.end()]);
      } else {
        const wanted = 1 + Math.floor(numbers.next() * 4);
        let heard = 0;
        await child.until("step", () => ++heard === wanted);
        await new Promise((done) => setTimeout(done, numbers.next() * 80));
        child.kill("SIGKILL");
      }
      const { stderr } = await child.end();
      assert.equal(stderr, "", `seed ${seed}`);
      killedAt.push(child.events.findLast((event) => event.type === "step")?.step ?? 0);
    }
    const run = existing(broken) ?? "";
    // deno-lint-ignore no-console
    console.log(`killed after steps ${killedAt.join(", ")} of ${SECTIONS.train.steps}`);
    assert.deepEqual(readdirSync(join(run, "outputs")), [], `the run was done before the last kill: ${killedAt}`);
    const last = await broken.run(["train", "--resume", run]);
    assert.equal(last.code, 0, `seed ${seed}, killed at ${killedAt}: ${last.stderr}`);
    await withWorkplace(async (whole) => { // with a cache of its own, so that what was encoded is compared too
      const { code, stderr } = await whole.run(["train", whole.config("cat", SECTIONS)]);
      assert.equal(code, 0, stderr);
      assertSameOutputs(run, existing(whole) ?? "");
    });
    const left = readdirSync(join(run, "checkpoints")).concat(readdirSync(join(run, "outputs")));
    assert.ok(left.every((name) => !name.startsWith(".")), `left behind: ${left}`);
  });
});
