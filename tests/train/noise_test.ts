import assert from "node:assert/strict";
import { describeNoise, type NoisySession } from "../../src/train/noise.ts";
import { runConfig } from "../support/train_config.ts";

type Event = ReturnType<typeof describeNoise>;

/** What is told of clips of some sizes: width, height and repeats. */
function told(timesteps: Record<string, unknown>, clips: readonly (readonly [number, number, number])[]): Event {
  const session: NoisySession = {
    trainees: [{ expert: "high", range: [0.5, 1], config: runConfig({ train: { timesteps } }) }],
    models: { spatialDivisor: 16 },
    dataset: { items: clips.map(([width, height, repeats]) => ({ width, height, repeats })) },
  };
  return describeNoise(session);
}

const SMALL = [256, 256, 1] as const, LARGE = [1024, 512, 3] as const;

Deno.test("describeNoise() takes the mean over clips of all sizes where the shift goes by the size", () => {
  const numbers = (...clips: (readonly [number, number, number])[]): number[] => {
    const [one] = told({ shift: "resolution", min: 0.6 }, clips).experts;
    assert.deepEqual(one?.range, [0.6, 1]);
    assert(Math.abs((one?.bins ?? []).reduce((sum, bin) => sum + bin, 0) - 1) < 1e-9);
    return [one?.share ?? NaN, one?.shift ?? NaN, ...one?.bins ?? []];
  };
  const [small, large, both] = [numbers(SMALL), numbers(LARGE), numbers(SMALL, LARGE)];
  assert(Math.abs((small[1] ?? NaN) - Math.exp(0.5)) < 1e-12); // 256 tokens, at which the config's first number holds
  assert((large[1] ?? 0) > (small[1] ?? NaN));
  both.forEach((value, i) => {
    const mean = ((small[i] ?? NaN) + 3 * (large[i] ?? NaN)) / 4; // the large one comes up three times
    assert(Math.abs(value - mean) < 1e-9, `${value} is not ${mean}`);
  });
  assert.deepEqual(numbers(LARGE, SMALL).map((x) => x.toFixed(9)), both.map((x) => x.toFixed(9)));
});

Deno.test("describeNoise() of a fixed shift is the same whatever the sizes", () => {
  assert.deepEqual(told({ shift: 3 }, [SMALL, LARGE]), told({ shift: 3 }, []));
});
