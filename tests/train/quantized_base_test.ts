// A LoRA on the demo's model and clips, with its base in bfloat16 and in fewer bits. WANTUNE_QUANTIZED_STEPS=400 makes the runs
// as long as the demo, with its batch and all ten noise levels; the losses are then printed.
import assert from "node:assert/strict";
import { demoLosses, LONG } from "../support/demo_loss.ts";
import { withFolder } from "../support/tmp.ts";
import { useTorch } from "../support/torch.ts";

await useTorch();

const steps = Number(Deno.env.get("WANTUNE_QUANTIZED_STEPS") ?? 6);
const KINDS = ["none", "fp8", "int8", "nf4"] as const;

Deno.test("a LoRA on a base in fp8, int8 and nf4 reaches the loss of that on a bfloat16 base, within 3 %", () =>
  withFolder(async (folder) => {
    const runs = KINDS.map((quantization) => ({ model: { dtype: "bfloat16", quantization } }));
    const { before, after } = await demoLosses(runs, { folder, steps });
    const [wanted = NaN] = after;
    after.forEach((loss, i) => {
      // deno-lint-ignore no-console
      if (steps >= LONG) console.log(`${KINDS[i]?.padEnd(5)} ${before.toFixed(4)} -> ${loss.toFixed(4)}`);
      // it learns far more than the comparison allows
      assert(loss < 0.9 * before, `${KINDS[i]}: ${before} became ${loss}`);
      if (i === 0) return;
      assert.notEqual(loss, wanted, `${KINDS[i]} has the bfloat16 base`);
      assert(Math.abs(loss / wanted - 1) < 0.03, `${KINDS[i]}: ${loss}, bfloat16: ${wanted}`);
    });
  }));
