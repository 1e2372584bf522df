import assert from "node:assert/strict";
import { forwardFlops, trainingFlops, VARIANTS } from "../../src/wan/mod.ts";

const configOf = (name: string): Parameters<typeof forwardFlops>[0] => {
  const variant = VARIANTS.find((each) => each.name === name);
  assert(variant !== undefined);
  const { transformer } = variant;
  return { ...transformer, width: transformer.numHeads * transformer.headDim, eps: 1e-6 };
};
const near = (found: number, wanted: number): void =>
  assert(Math.abs(found / wanted - 1) < 0.015, `${found} is not ${wanted}`);

Deno.test("forwardFlops() and trainingFlops() give the published table", () => {
  // wan22-spec, section 9.3: TFLOP forward, of which attention; PFLOP of a full and of a LoRA step without its own term
  const table: [string, number, number, number, number, number][] = [
    ["wan2.2-t2v-a14b", 20280, 833, 345, 2.50, 2.01],
    ["wan2.2-t2v-a14b", 32760, 1678, 893, 5.04, 4.25],
    ["wan2.2-ti2v-5b", 18480, 291, 129, 0.87, 0.71],
    ["wan2.2-ti2v-5b", 27280, 517, 280, 1.55, 1.31],
  ];
  for (const [name, tokens, forward, attention, full, lora] of table) {
    const config = configOf(name), size = { tokens, textTokens: 512 };
    const flops = forwardFlops(config, size);
    near(flops.linear + flops.attention + flops.other, forward * 1e12);
    near(flops.attention, attention * 1e12);
    near(trainingFlops(config, { ...size, trained: {} }), lora * 1e15);
    // Layers inside of blocks, as the tokens pass them all: 12d² + 4df each.
    const { width: d, ffnDim: f, numLayers } = config;
    const own = numLayers * (6 * d * d + 2 * d * f);
    near(trainingFlops(config, { ...size, trained: { own } }), full * 1e15);
  }
});

Deno.test("trainingFlops() counts an adapter's numbers six times a token", () => {
  const config = configOf("wan2.2-ti2v-5b"), size = { tokens: 880, textTokens: 512 };
  const bare = trainingFlops(config, { ...size, trained: {} });
  assert.equal(trainingFlops(config, { ...size, trained: { adapter: 1000 } }) - bare, 6 * 880 * 1000);
});
