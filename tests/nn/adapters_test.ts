import assert from "node:assert/strict";
import { Linear, LoraSet } from "../../src/nn/mod.ts";
import { liveHandles, ones, type Tensor, zeros } from "../../src/torch/mod.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

function layer(path: string, inFeatures = 4, outFeatures = 4): Linear {
  return new Linear({ weight: ones([outFeatures, inFeatures]), bias: undefined, path, inFeatures, outFeatures });
}

/** Two blocks with the layers to_q, to_k and ffn.net.0.proj. */
function layers(): Linear[] {
  return [0, 1].flatMap((i) => [
    layer(`blocks.${i}.attn1.to_q`),
    layer(`blocks.${i}.attn1.to_k`),
    layer(`blocks.${i}.ffn.net.0.proj`, 4, 8),
  ]);
}

const seedOf = (index: number): bigint => 100n + BigInt(index);
const fresh = (linears: Linear[], targets: string[]): LoraSet =>
  LoraSet.fresh(linears, { rank: 2, alpha: 2, targets, seedOf });

Deno.test("LoraSet.fresh() adapts the layers whose names end with a target", () => {
  leakFree(() => {
    const linears = layers();
    using set = fresh(linears, ["to_q", "ffn.net.0.proj"]);
    assert.deepEqual([...set.modules.keys()], [
      "blocks.0.attn1.to_q",
      "blocks.0.ffn.net.0.proj",
      "blocks.1.attn1.to_q",
      "blocks.1.ffn.net.0.proj",
    ]);
    assert.deepEqual(linears.map(({ adapters }) => adapters.length), [1, 0, 1, 1, 0, 1]);
    assert.equal(set.params().length, 8);
    assert.equal(set.params("blocks.1.").length, 4);
    assert.equal([...set.named().keys()][1], "blocks.0.attn1.to_q.lora_B.weight");
  });
});

Deno.test("LoraSet.fresh() matches whole words of a name alone", () => {
  leakFree(() => {
    assert.throws(() => fresh(layers(), ["q"]), { name: "ConfigError" });
    assert.throws(() => fresh(layers(), ["o_q"]), { name: "ConfigError" });
    using set = fresh(layers(), ["blocks.0.attn1.to_q"]);
    assert.equal(set.modules.size, 1);
  });
});

Deno.test("LoraSet.fresh() refuses a target that matches no layer, and names those there are", () => {
  leakFree(() => {
    assert.throws(() => fresh(layers(), ["to_q", "to_z", "nothing"]), {
      name: "ConfigError",
      message: "Cannot train to_z, nothing: no layer's name ends so.",
      cure: "Choose method.targets among the ends of attn1.to_q, attn1.to_k, ffn.net.0.proj.",
    });
  });
});

Deno.test("LoraSet.fresh() draws depend on the seed and the layer's place alone", () => {
  leakFree(() => {
    const downs = (linears: Linear[], targets: string[]): number[][] => {
      using set = fresh(linears, targets);
      return [...set.modules.values()].map(({ down }) => down.toNumbers());
    };
    const first = downs(layers(), ["to_q", "to_k"]);
    assert.deepEqual(downs(layers(), ["to_k", "to_q"]), first); // the order of the targets does not matter
    assert.deepEqual(downs(layers().slice(0, 3), ["to_q", "to_k"]), first.slice(0, 2)); // nor what comes later
    assert.equal(new Set(first.map(String)).size, 4); // each layer has its own numbers
  });
});

Deno.test("LoraSet.load() copies to float32 and reports everything that does not fit", () => {
  leakFree(() => {
    const linears = layers();
    const matrices = (inner: number, outer: number): { down: Tensor; up: Tensor; alpha: number } => ({
      down: ones([2, inner], { dtype: "bfloat16" }),
      up: ones([outer, 2], { dtype: "bfloat16" }),
      alpha: 1,
    });
    const path = "blocks.0.attn1.to_q";
    using set = LoraSet.load(linears, {
      modules: new Map([[path, matrices(4, 4)]]),
      name: "a.safetensors",
      strength: 2,
    });
    assert.deepEqual(set.params().map(({ dtype }) => dtype), ["float32", "float32"]);
    // W·x + strength · alpha / rank · B·A·x = 4 + 2 · 1/2 · 8
    assert.deepEqual(linears[0]?.forward(ones([4])).toNumbers(), [12, 12, 12, 12]);
    const bad = new Map([["blocks.9.to_q", matrices(4, 4)], [path, matrices(5, 4)]]);
    assert.throws(() => LoraSet.load(linears, { modules: bad, name: "b.safetensors" }), {
      name: "WeightsError",
      message: "Cannot apply the LoRA b.safetensors: blocks.9.to_q is not a layer of this model; " +
        "blocks.0.attn1.to_q is A [2, 5], B [4, 2] beside W [4, 4].",
    });
  });
});

Deno.test("LoraSet.without() switches the adapters off for a while, also when it throws", () => {
  leakFree(() => {
    const linears = layers();
    using set = fresh(linears, ["to_q"]);
    for (const { up } of set.modules.values()) up.fill_(1);
    const x = ones([4]);
    const adapted = linears[0]?.forward(x).toNumbers();
    assert.deepEqual(set.without(() => linears[0]?.forward(x).toNumbers()), [4, 4, 4, 4]);
    assert.throws(() =>
      set.without(() => {
        throw new Error("no");
      })
    );
    assert.deepEqual(linears[0]?.forward(x).toNumbers(), adapted);
    assert.notDeepEqual(adapted, [4, 4, 4, 4]);
  });
});

Deno.test("disposing of a LoraSet takes its adapters off and leaves others on", () => {
  leakFree(() => {
    const linears = layers();
    const before = liveHandles();
    const one = fresh(linears, ["to_q"]), two = fresh(linears, ["to_q"]);
    one[Symbol.dispose]();
    assert.deepEqual(linears[0]?.adapters, [two.modules.get("blocks.0.attn1.to_q")]);
    two[Symbol.dispose]();
    assert.deepEqual(linears.map(({ adapters }) => adapters.length), [0, 0, 0, 0, 0, 0]);
    const left = liveHandles() - before;
    assert(left <= 8, `${left} handles`); // temporaries of the draws, which the scope of this test frees
    assert.equal(zeros([1]).item(), 0);
  });
});
