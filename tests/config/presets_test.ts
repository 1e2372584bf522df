import assert from "node:assert/strict";
import { parseConfig, presetNames, presetPurpose, presetText } from "../../src/config/mod.ts";
import { namePattern } from "../../src/base/mod.ts";
import { publishedSizes, transformerShapes, VARIANTS } from "../../src/wan/mod.ts";
import { withFolder } from "../support/tmp.ts";

const MODELS: Record<string, string> = { "ti2v-5b": "ti2v_5b", "t2v-a14b": "t2v_a14b", "i2v-a14b": "i2v_a14b" };
const METHODS = ["lora", "full", "embedding"] as const;
const GIGABYTES = [8, 12, 16, 24, 48, 80];
const checkpoint = (name: string): string => new URL(`../golden/checkpoints/${name}`, import.meta.url).pathname;

Deno.test("there is a preset for each variant, method and class of memory, and it says what it is for", () => {
  const wanted = Object.keys(MODELS).flatMap((variant) =>
    METHODS.flatMap((method) => GIGABYTES.map((size) => `${variant}-${method}-${size}gb`))
  );
  assert.deepEqual(presetNames(), wanted.sort());
  for (const name of wanted) {
    const [, variant = "", method = "", size = ""] = /^(.+)-(\w+)-(\d+)gb$/.exec(name) ?? [];
    const config = parseConfig(presetText(name), { path: "/presets/preset.jsonc" });
    assert.equal(config.model.variant, `wan2.2-${variant}`);
    assert.equal(config.method.kind, method);
    assert.ok(Number(config.memory.budgetGiB) <= Number(size), name);
    assert.match(presetPurpose(name), new RegExp(`^.*WAN 2\\.2 ${variant.toUpperCase()}.* with ${size} GB of memory`));
  }
});

Deno.test("the parameters that presets for full fine-tuning name are there in the published models", () => {
  for (const name of presetNames().filter((each) => each.includes("-full-"))) {
    const { method, model } = parseConfig(presetText(name), { path: "/presets/preset.jsonc" });
    if (method.kind !== "full" || method.parameters === "all") continue;
    const variant = VARIANTS.find((one) => one.name === model.variant);
    assert(variant !== undefined, name);
    const names = [...transformerShapes(publishedSizes(variant).transformer).keys()];
    for (const pattern of method.parameters) {
      const fits = namePattern(pattern), blocks = /\{(\d+)\.\.(\d+)\}/.exec(pattern);
      const found = new Set(names.filter(fits).map((each) => /^blocks\.(\d+)\./.exec(each)?.[1]));
      const wanted = blocks === null ? 1 : Number(blocks[2]) - Number(blocks[1]) + 1;
      assert(found.size >= wanted, `${name}: ${pattern} is in ${found.size} blocks, not in ${wanted}`);
    }
  }
});

Deno.test("plan accepts every preset: its targets, parameters, quantisation and experts fit its variant", () =>
  withFolder(async (folder) => {
    const pairs = presetNames().map((name) => `${name}=${checkpoint(MODELS[name.replace(/-\w+-\d+gb$/, "")] ?? "")}`);
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", "--no-check", "--quiet", new URL("../support/each_plan.ts", import.meta.url).pathname],
        ...[folder, ...pairs],
      ],
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    const plans = new TextDecoder().decode(stdout).trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.equal(plans.length, pairs.length);
    plans.forEach((plan, i) => {
      const pair = pairs[i] ?? "";
      assert.deepEqual([plan.data.used, plan.data.rejected, plan.dtype], [3, 0, "bfloat16"], pair);
      assert.equal(plan.experts.length, pair.startsWith("ti2v") || pair.includes("-full-") ? 1 : 2, pair);
      for (const { fits, peakBytes, secondsPerStep } of plan.experts) {
        assert.ok(fits && peakBytes > 0 && secondsPerStep > 0, pair);
      }
    });
  }));
