import assert from "node:assert/strict";
import { wantune } from "../support/cli.ts";

const SMALL = [
  ...["--dim", "96", "--layers", "2", "--heads", "4", "--ffn", "128", "--grid", "2x4x4", "--rank", "4"],
  ...["--device", "cpu", "--threads", "1", "--steps", "2"],
];

// From eager PyTorch 2.13.0: tests/bench/eager.py, StepBench, with the same numbers.
const LOSSES = {
  lora: [3.248155117034912, 2.165480375289917, 2.3230817317962646],
  full: [3.323726177215576, 2.0565943717956543, 1.9818624258041382],
};

for (const method of ["lora", "full"] as const) {
  Deno.test(`bench step --method ${method} takes the steps that PyTorch takes, and tells their time and memory`, async () => {
    for (const recompute of ["on", "off"]) {
      const { code, stdout, stderr } = await wantune([
        ...["bench", "step", ...SMALL, "--method", method, "--recompute", recompute, "--json"],
      ]);
      assert.equal(code, 0, stderr);
      const report = JSON.parse(stdout);
      report.steps.forEach(({ loss }: { loss: number }, i: number) => {
        const wanted = LOSSES[method][i] ?? NaN;
        assert(Math.abs(loss / wanted - 1) < 1e-4, `step ${i + 1}: ${loss}, wanted ${wanted}`);
      });
      assert.equal(report.steps.length, 3);
      assert.match(report.steps[0].noiseSeed, /^\d+$/);
      assert(report.secondsPerStep > 0 && report.peakBytes > 2 ** 26);
      assert(Math.abs(report.tokensPerSecond * report.secondsPerStep - 2 * 4 * 4) < 1e-6);
      assert(report.utilisation > 0 && report.flopsPerSecond > 0);
    }
  });
}

Deno.test("bench prints a line for each size, and refuses sizes and shapes that there are not", async () => {
  const [table, unknown, uneven] = await Promise.all([
    wantune(["bench", "--sizes", "tiny", "--steps", "1", "--threads", "1"]),
    wantune(["bench", "--sizes", "huge"]),
    wantune(["bench", "step", "--dim", "100", "--heads", "8"]),
  ]);
  assert.equal(table.code, 0, table.stderr);
  assert.match(table.stdout, /^size +s\/step .*peak memory\ntiny +\d/);
  assert.equal(unknown.code, 2);
  assert.match(unknown.stderr, /size "huge"\. Choose among tiny, mid, ti2v-5b, a14b\./);
  assert.equal(uneven.code, 2);
  assert.match(uneven.stderr, /8 heads of a width of 100.*multiple of 16/);
});
