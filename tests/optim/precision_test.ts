// Averages in a byte a weight, and bfloat16 parameters.
import assert from "node:assert/strict";
import { seedFor } from "../../src/base/mod.ts";
import { AdamW, adamwByTensor, lion, type Optimizer, type Rounding, sgd } from "../../src/optim/mod.ts";
import { BLOCK_SIZE, DynamicCode, dynamicValues } from "../../src/optim/blockwise.ts";
import { roundStochastically } from "../../src/optim/rounding.ts";
import { full, Generator, randn, type Tensor, tensor, zeros } from "../../src/torch/mod.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

const ADAM = { betas: [0.9, 0.99], eps: 1e-8, weightDecay: 0.01 } as const;

Deno.test("dynamicValues() are 256 rising values with 0 and 1, dense near zero", () => {
  for (const signed of [true, false]) {
    const values = dynamicValues(signed);
    assert.equal(values.length, 256);
    assert.equal(new Set(values).size, 256);
    assert(values.includes(0) && values.at(-1) === 1);
    assert.equal(values[0], signed ? -(1 - 0.9 / 128) : 0);
    const smallest = Math.min(...values.filter((value) => value > 0));
    assert(smallest > 1e-7 && smallest < 1e-6);
  }
});

Deno.test("DynamicCode keeps a value to half a step of its decade, below a block's largest", () => {
  leakFree(() => {
    using generator = Generator.seeded(3);
    // Values over many decades, in a shape that fills no whole number of blocks.
    const x = randn([7, 131], { generator }).mul(randn([7, 131], { generator }).mul(4).exp());
    const code = new DynamicCode({ signed: true, device: "cpu" });
    const packed = code.quantize(x);
    assert.deepEqual([packed.codes.dtype, packed.codes.numel], ["uint8", 7 * 131]);
    assert.equal(packed.scales.numel, Math.ceil(7 * 131 / BLOCK_SIZE));
    const scales = packed.scales.toNumbers();
    const [values, back] = [x.toNumbers(), code.dequantize(packed, [7, 131]).toNumbers()];
    values.forEach((value, i) => {
      const scale = scales[Math.floor(i / BLOCK_SIZE)] as number;
      const size = Math.abs(value) / scale;
      // 64 steps a sign in the decade below the largest, half as many in each below; a step between decades is wider.
      const decade = Math.max(-7, Math.floor(Math.log10(size)));
      const allowed = 0.5 * 1.6 * 0.9 * 10 ** (decade + 1) / Math.max(1, 64 * 2 ** (decade + 1));
      assert(Math.abs(value - (back[i] as number)) <= allowed * scale, `${value} became ${back[i]}`);
    });
    assert(code.dequantize(code.quantize(zeros([300])), [300]).eq(0).all().item() === 1);
  });
});

/** Trains a matrix of 128 × 64 towards a target and returns it, with the distance it has come. */
function trained(make: (params: readonly Tensor[]) => Optimizer, steps: number): { param: Tensor; moved: number } {
  using generator = Generator.seeded(11);
  const start = randn([128, 64], { generator });
  const target = randn([128, 64], { generator });
  const param = start.clone();
  using optimizer = make([param]);
  for (let step = 0; step < steps; step++) {
    const noise = randn([128, 64], { generator });
    optimizer.step([param.sub(target).add(noise)], 0.01);
  }
  return { param, moved: param.sub(start).norm().item() };
}

Deno.test("8-bit AdamW stays within 3 % of 32-bit AdamW's way over 50 steps, with state of two bytes a weight", () => {
  leakFree(() => {
    const whole = trained((params) => new AdamW(params, ADAM), 50);
    const packed = trained((params) => adamwByTensor(params, { ...ADAM, state: "8-bit" }), 50);
    const off = packed.param.sub(whole.param).norm().item() / whole.moved;
    assert(off > 0 && off < 0.03, `off by ${off} of the way`);
    using optimizer = adamwByTensor([zeros([128, 64]), zeros([16])], { ...ADAM, state: "8-bit" });
    const bytes = new Map([...optimizer.state()].map(([name, x]) => [name, x.numBytes]));
    assert.equal((bytes.get("exp_avg.0") ?? 0) + (bytes.get("exp_avg_sq.0") ?? 0), 2 * 128 * 64);
    assert.equal(bytes.get("exp_avg_scale.0"), 4 * 128 * 64 / BLOCK_SIZE);
    assert.equal(bytes.get("exp_avg.1"), 4 * 16); // small ones stay float32
  });
});

Deno.test("roundStochastically() gives one of the two neighbours, the mean of many is the value, a seed gives the same", () => {
  leakFree(() => {
    const x = full([20_000], 1 + 0.3 / 128); // bfloat16 has steps of 1/128 above 1
    const rounded = roundStochastically(x, 5n);
    assert.equal(rounded.dtype, "bfloat16");
    const values = new Set(rounded.toNumbers());
    assert.deepEqual([...values].sort(), [1, 1 + 1 / 128]);
    // Standard deviation of the mean: sqrt(0.3 · 0.7 / 20000) = 0.0033 steps.
    assert(Math.abs((rounded.float().mean().item() - 1) * 128 - 0.3) < 0.013);
    assert(roundStochastically(x, 5n).equal(rounded));
    assert(!roundStochastically(x, 6n).equal(rounded));
    const negative = roundStochastically(tensor([-3, 0, 1e-30]), 1n).toNumbers();
    assert.deepEqual(negative.slice(0, 2), [-3, 0]); // what bfloat16 can say stays
  });
});

const ROUNDINGS: Record<Rounding["kind"], Rounding> = {
  nearest: { kind: "nearest" },
  kahan: { kind: "kahan" },
  stochastic: { kind: "stochastic", seedOf: (step, index) => seedFor(0, "rounding", step, index) },
};

Deno.test("bfloat16 weights lose small updates by rounding to the nearest, and keep them by chance or with Kahan's copy", () => {
  leakFree(() => {
    const wayOf = (rounding: Rounding): number => {
      const param = full([4096], 1, { dtype: "bfloat16" });
      using optimizer = sgd([param], { rounding });
      // 100 steps of 1e-4: a step of bfloat16 below 1 is 1/256.
      for (let i = 0; i < 100; i++) optimizer.step([full([4096], 1, { dtype: "bfloat16" })], 1e-4);
      return 1 - param.float().mean().item();
    };
    assert.equal(wayOf(ROUNDINGS.nearest), 0);
    assert(Math.abs(wayOf(ROUNDINGS.kahan) - 0.01) < 0.002); // the last step of bfloat16 is 0.004
    assert(Math.abs(wayOf(ROUNDINGS.stochastic) - 0.01) < 0.0005);
  });
});

for (const kind of ["kahan", "stochastic"] as const) {
  Deno.test(`bfloat16 weights with ${kind} rounding resume from their state with the same bits`, () => {
    leakFree(() => {
      using generator = Generator.seeded(2);
      const gradients = Array.from({ length: 10 }, () => randn([40, 30], { generator, dtype: "bfloat16" }));
      const whole = randn([40, 30], { generator, dtype: "bfloat16" });
      const resumed = whole.clone();
      const make = (param: Tensor): Optimizer => lion([param], { ...ADAM, rounding: ROUNDINGS[kind] });
      using unbroken = make(whole);
      using first = make(resumed);
      for (const gradient of gradients.slice(0, 6)) {
        unbroken.step([gradient], 0.003);
        first.step([gradient], 0.003);
      }
      using second = make(resumed);
      assert.equal([...second.state().keys()].includes("lost.0"), kind === "kahan");
      for (const [key, value] of second.state()) value.copy_(first.state().get(key) as Tensor);
      for (const gradient of gradients.slice(6)) {
        unbroken.step([gradient], 0.003);
        second.step([gradient], 0.003);
      }
      assert(resumed.equal(whole));
    });
  });
}
