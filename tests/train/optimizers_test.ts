// Every optimizer on the demo's model and clips, at its preset rate. WANTUNE_OPTIMIZER_STEPS=400 makes the runs as long as
// the demo (about 15 minutes on two cores); the numbers are then worth reading.
import assert from "node:assert/strict";
import { demoLosses, LONG } from "../support/demo_loss.ts";
import { withFolder } from "../support/tmp.ts";
import { useTorch } from "../support/torch.ts";

await useTorch();

const steps = Number(Deno.env.get("WANTUNE_OPTIMIZER_STEPS") ?? 6);

/** All that can be named. */
const NAMES = [
  ...["adamw", "adamw-8bit", "adam", "radam", "nadam", "schedule-free", "adafactor", "adafactor-torch"],
  ...["lion", "prodigy", "muon", "sgd", "adagrad", "rmsprop"],
];

Deno.test("every optimizer lowers the loss of the demo on fixed noise at its preset rate", () =>
  withFolder(async (folder) => {
    // The demo's own rate is AdamW's: it holds no more for another one.
    const runs = NAMES.map((name) => ({ optim: name === "adamw" ? { name, learningRate: "auto" } : { name } }));
    const { before, after } = await demoLosses(runs, { folder, steps });
    after.forEach((loss, i) => {
      // deno-lint-ignore no-console
      if (steps >= LONG) console.log(`${NAMES[i]?.padEnd(16)} ${before.toFixed(4)} -> ${loss.toFixed(4)}`);
      assert(loss < before, `${NAMES[i]}: ${before} became ${loss}`);
    });
  }));
