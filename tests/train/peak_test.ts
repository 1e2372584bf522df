import assert from "node:assert/strict";
import { peakFlops } from "../../src/train/peak.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

Deno.test("peakFlops() of the host is that of float32 for bfloat16 too, as its layers multiply in it", () => {
  let [single, short] = [NaN, NaN];
  leakFree(() => [single, short] = [peakFlops("cpu", "float32"), peakFlops("cpu", "bfloat16")]);
  // Products of bfloat16 itself are 40 times as slow on a host without an instruction for them.
  assert(short / single > 0.2 && short / single < 5, `${single} and ${short}`);
});
