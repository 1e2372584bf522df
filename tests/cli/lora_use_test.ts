/** Which parts of a model LoRA files go to, what is said of them, and what is refused. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { mergedParts } from "../../src/cli/convert/merged.ts";
import { type LoraUse, loraUses } from "../../src/cli/sample/lora_use.ts";
import { Generator, randn, type Tensor } from "../../src/torch/mod.ts";
import { openModel } from "../../src/wan/mod.ts";
import { type AdapterMap, describeLora, saveAdapters, saveSafetensors } from "../../src/weights/mod.ts";
import { T2V } from "../support/session.ts";
import { withFolder } from "../support/tmp.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

const ONE = { title: "WAN 2.1 T2V-1.3B", experts: 1 } as const,
  TWO = { title: "WAN 2.2 T2V-A14B", experts: 2 } as const;
const WIDTH = 64, Q = "blocks.0.attn1.to_q", T = "encoder.block.0.layer.0.SelfAttention.q";

function numbers(...shape: number[]): Tensor {
  using generator = Generator.seeded(1);
  return randn(shape, { generator });
}

function lora(module: string, [out = WIDTH, width = WIDTH]: readonly number[] = []): AdapterMap {
  return new Map([[module, { kind: "lora", tensors: { down: numbers(2, width), up: numbers(out, 2) }, alpha: 1 }]]);
}

/** Saves a LoRA as training does, its header naming an expert or none, and gives its path. */
function trained(folder: string, name: string, expert?: "high" | "low"): string {
  const path = join(folder, name);
  const facts = { title: "x", architecture: "wan2.2-t2v-a14b", rank: 2, alpha: 1, expert };
  saveAdapters(path, { transformer: lora(Q) }, { naming: "comfy", metadata: describeLora(facts) });
  return path;
}

/** A file with names under each of these. */
function named(folder: string, ...components: string[]): string {
  const path = join(folder, "named.safetensors");
  const parts = components.flatMap((name) => [
    [`${name}.${Q}.lora_A.weight`, numbers(2, WIDTH)] as const,
    [`${name}.${Q}.lora_B.weight`, numbers(WIDTH, 2)] as const,
  ]);
  saveSafetensors(path, new Map(parts));
  return path;
}

type Target = Parameters<typeof loraUses>[1];

function use(path: string, { expert, target = TWO }: { expert?: "high" | "low"; target?: Target } = {}): LoraUse {
  const [found] = loraUses([{ path, strength: 1, expert }], target);
  return found ?? assert.fail();
}

Deno.test("a LoRA whose header or name says its expert goes to that one alone, and this is said; others go to both", () =>
  withFolder((folder) => {
    leakFree(() => {
      const byHeader = trained(folder, "cat.safetensors", "low"), byName = trained(folder, "cat-HighNoise.safetensors");
      const plain = trained(folder, "plain.safetensors");
      const what = "LoRA of 1 module, rank 2, alpha 1";
      const told = (path: string): unknown[] => {
        const { parts, sentence, warnings } = use(path);
        return [parts, sentence.replace(folder, ""), warnings];
      };
      assert.deepEqual(told(byHeader), [
        ["transformer_2"],
        `/cat.safetensors is an adapter for the low-noise expert alone, as its header says: ${what}`,
        [],
      ]);
      assert.deepEqual(told(byName), [
        ["transformer"],
        `/cat-HighNoise.safetensors is an adapter for the high-noise expert alone, as its name says: ${what}`,
        [],
      ]);
      assert.deepEqual(told(plain), [
        ["transformer", "transformer_2"],
        `/plain.safetensors is an adapter for both experts: ${what}`,
        [],
      ]);
      assert.deepEqual(use(byHeader, { target: ONE }).parts, ["transformer"]);
      assert.match(use(plain, { target: ONE }).sentence, /is an adapter for the transformer: LoRA of 1/);
    });
  }));

Deno.test("a LoRA for the other expert is refused where its header says so, and warned of where its name does", () =>
  withFolder((folder) => {
    leakFree(() => {
      const low = trained(folder, "a.safetensors", "low"), highByName = trained(folder, "b_high_noise.safetensors");
      assert.deepEqual(use(low, { expert: "low" }).parts, ["transformer_2"]);
      assert.throws(() => use(low, { expert: "high" }), {
        name: "ConfigError",
        message: /for the high-noise expert: by its header it is for the low-noise one/,
      });
      const odd = use(highByName, { expert: "low" });
      assert.deepEqual(odd.parts, ["transformer_2"]);
      assert.match(odd.warnings.join(), /used for the low-noise expert, and its name says .* the high-noise one$/);
      assert.deepEqual(use(highByName, { expert: "high" }).warnings, []);
      assert.throws(() => use(low, { expert: "low", target: ONE }), /it has one transformer/);
    });
  }));

Deno.test("a file that names experts goes to those; what a model of one transformer has no use for is said", () =>
  withFolder((folder) => {
    leakFree(() => {
      const low = named(folder, "transformer_2");
      assert.deepEqual(use(low).parts, ["transformer_2"]);
      assert.throws(() => use(low, { expert: "high" }), /by its tensors' names it is for the low-noise one/);
      assert.throws(() => use(low, { target: ONE }), { name: "WeightsError", message: /the low-noise expert of two/ });
      const both = named(folder, "transformer", "transformer_2");
      const { parts, sentence } = use(both);
      assert.deepEqual(parts, ["transformer", "transformer_2"]);
      assert.match(
        sentence,
        /for the high-noise expert: LoRA of .*; for the low-noise expert: LoRA of 1 module, rank 2/,
      );
      const half = use(both, { target: ONE });
      assert.deepEqual(half.parts, ["transformer"]);
      assert.match(
        half.warnings.join(),
        /what is for the low-noise expert is left out: WAN 2\.1 .* has one transformer/,
      );
      assert.deepEqual(use(both, { expert: "low" }).parts, ["transformer_2"]);
    });
  }));

Deno.test("merging works into the parts that files are for, the text encoder alone too", () =>
  withFolder((folder) => {
    leakFree(() => {
      const model = openModel(T2V);
      const text = join(folder, "text.safetensors");
      const shape = model.shapesOf("text_encoder").get(`${T}.weight`);
      saveAdapters(text, { text_encoder: lora(T, shape) }, { naming: "comfy" });
      const merged = (path: string): string[] => {
        using owner = new DisposableStack();
        const [found] = Object.entries(mergedParts(model, { uses: [use(path)], owner }));
        assert.ok(found !== undefined);
        using before = model.openWeights(found[0] as "transformer");
        const changed = before.keys().filter((key) => {
          using a = before.load(key), b = found[1].load(key);
          return !a.equal(b);
        });
        return [found[0], ...changed];
      };
      assert.match(use(text).sentence, /is an adapter for the text encoder: LoRA of 1 module, rank 2, alpha 1$/);
      assert.deepEqual(merged(text), ["text_encoder", `${T}.weight`]);
      assert.deepEqual(merged(named(folder, "transformer_2")), ["transformer_2", `${Q}.weight`]);
      assert.deepEqual(merged(trained(folder, "low-noise.safetensors")), ["transformer_2", `${Q}.weight`]);
    });
  }));
