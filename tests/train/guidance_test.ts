import assert from "node:assert/strict";
import { ConfigError } from "../../src/base/mod.ts";
import { guidanceOf } from "../../src/train/guidance.ts";
import { VARIANTS } from "../../src/wan/mod.ts";
import { runConfig } from "../support/train_config.ts";

const variant = (name: string): (typeof VARIANTS)[number] => {
  const found = VARIANTS.find((each) => each.name === name);
  assert.ok(found);
  return found;
};

/** The guidance of both experts. */
function guidance(name: string, sample: object): (number | undefined)[] {
  const config = runConfig({ sample: { prompts: ["a cat"], ...sample } }).sample;
  assert.ok(config);
  const { guidanceScale, lowNoiseGuidanceScale } = guidanceOf(config, variant(name));
  return [guidanceScale, lowNoiseGuidanceScale];
}

Deno.test("guidance is the model's unless it is said: for both experts, or for each", () => {
  // Wan-Video/Wan2.2 wan/configs: 5.0 for TI2V-5B, (low 3.0, high 4.0) for T2V-A14B
  assert.deepEqual(guidance("wan2.2-ti2v-5b", {}), [5, undefined]);
  assert.deepEqual(guidance("wan2.2-t2v-a14b", {}), [4, 3]);
  assert.deepEqual(guidance("wan2.2-t2v-a14b", { guidanceScale: 6 }), [6, undefined]);
  assert.deepEqual(guidance("wan2.2-t2v-a14b", { lowNoiseGuidanceScale: 2 }), [4, 2]);
  assert.deepEqual(guidance("wan2.2-t2v-a14b", { guidanceScale: 6, lowNoiseGuidanceScale: 2 }), [6, 2]);
});

Deno.test("guidance of a second expert is refused where there is one transformer", () => {
  assert.throws(() => guidance("wan2.2-ti2v-5b", { lowNoiseGuidanceScale: 2 }), ConfigError);
});
