// The numbers themselves are compared with the libraries' in the golden cases optimizer_*.
import assert from "node:assert/strict";
import {
  adafactor,
  adagrad,
  AdamW,
  adamwByTensor,
  fairseqAdafactor,
  lion,
  muon,
  nadam,
  type Optimizer,
  PartedOptimizer,
  prodigy,
  radam,
  relativeRate,
  rmsprop,
  scheduleFree,
  sgd,
} from "../../src/optim/mod.ts";
import { orthogonalize } from "../../src/optim/muon.ts";
import { Generator, liveHandles, randn, type Tensor, tensor, tidy, zeros } from "../../src/torch/mod.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

const ADAM = { betas: [0.9, 0.99], eps: 1e-8, weightDecay: 0.1 } as const;
const MUON = {
  weightDecay: 0,
  momentum: 0.9,
  nesterov: true,
  coefficients: [3.4445, -4.775, 2.0315],
  iterations: 5,
  eps: 1e-7,
} as const;
const FAIRSEQ = {
  eps: [1e-30, 1e-3],
  clipThreshold: 1,
  decayRate: -0.8,
  beta1: 0.9,
  weightDecay: 0.01,
  scaleParameter: true,
} as const;
const PRODIGY = { dCoef: 1, growthRate: null, biasCorrection: true, safeguardWarmup: true } as const;
const OPTIMIZERS: Record<string, (params: Tensor[]) => Optimizer> = {
  "AdamW with amsgrad": (params) => new AdamW(params, { ...ADAM, amsgrad: true }),
  Adam: (params) => new AdamW(params, { ...ADAM, decay: "gradient" }),
  adafactor: (params) =>
    adafactor(params, { beta2Decay: -0.8, eps: [null, 1e-3], clipThreshold: 1, weightDecay: 0.01 }),
  adagrad: (params) => adagrad(params, { eps: 1e-10, learningRateDecay: 0.1 }),
  fairseqAdafactor: (params) => fairseqAdafactor(params, FAIRSEQ),
  muon: (params) => muon(params, MUON),
  nadam: (params) => nadam(params, { ...ADAM, momentumDecay: 0.004 }),
  radam: (params) => radam(params, ADAM),
  rmsprop: (params) => rmsprop(params, { alpha: 0.99, eps: 1e-8, momentum: 0.5, centered: true }),
  sgd: (params) => sgd(params, { momentum: 0.9, dampening: 0.1 }),
  adamwByTensor: (params) => adamwByTensor(params, ADAM),
  lion: (params) => lion(params, { betas: [0.9, 0.99], weightDecay: 0.1 }),
  prodigy: (params) => prodigy(params, { ...ADAM, ...PRODIGY, d0: 0.1 }),
  scheduleFree: (params) => scheduleFree(params, ADAM),
  PartedOptimizer: (params) =>
    new PartedOptimizer([{ name: "all", places: [0], optimizer: lion(params, ADAM), rateFactor: 2 }]),
};

for (const [name, make] of Object.entries(OPTIMIZERS)) {
  Deno.test(`${name} goes on from a copy of its state with the same bits, and frees what it made`, () => {
    leakFree(() => {
      using generator = Generator.seeded(4);
      const gradients = Array.from({ length: 12 }, () => randn([3, 2], { generator }));
      const whole = randn([3, 2], { generator });
      const resumed = whole.clone();
      for (const param of [whole, resumed]) param.setRequiresGrad(true);
      using unbroken = make([whole]);
      using first = make([resumed]);
      for (const gradient of gradients.slice(0, 8)) {
        unbroken.step([gradient], 0.01);
        first.step([gradient], 0.01);
      }
      using second = tidy(() => make([resumed]));
      for (const [key, value] of second.state()) value.copy_(first.state().get(key) as Tensor);
      const before = liveHandles();
      for (const gradient of gradients.slice(8)) {
        unbroken.step([gradient], 0.01);
        second.step([gradient], 0.01);
      }
      assert.equal(liveHandles(), before);
      assert(resumed.equal(whole));
    });
  });
}

Deno.test("every optimizer brings a matrix closer to the lowest point", () => {
  leakFree(() => {
    for (const [name, make] of Object.entries(OPTIMIZERS)) {
      const param = tensor([1, -2, 3, 0.5, -1, 2], { shape: [3, 2] });
      const start = param.norm().item();
      using optimizer = make([param]);
      for (let step = 0; step < 20; step++) optimizer.step([param.clone()], 0.02);
      assert(param.norm().item() < start, name);
    }
  });
});

Deno.test("RuleOptimizer.step() refuses gradients of another number before it counts a step", () => {
  leakFree(() => {
    using optimizer = sgd([tensor([1])]);
    assert.throws(() => optimizer.step([], 0.1), /1 tensors was given 0 gradients/);
    assert.equal(optimizer.state().get("step")?.item(), 0);
  });
});

Deno.test("fairseqAdafactor() takes steps as large as the tensor times the rate, which relativeRate() has without one being set", () => {
  leakFree(() => {
    const param = tensor([1]);
    using optimizer = fairseqAdafactor([param], { ...FAIRSEQ, weightDecay: 0, beta1: null });
    optimizer.step([tensor([3])], relativeRate(1, { warmupInit: false }));
    assert(Math.abs(param.item() - 0.99) < 1e-6); // 1 % of its size
    assert.equal(relativeRate(40_000, { warmupInit: false }), 1 / 200);
    assert.equal(relativeRate(3, { warmupInit: true }), 3e-6);
  });
});

Deno.test("muon() takes matrices only; orthogonalize() makes rows nearly orthogonal", () => {
  leakFree(() => {
    assert.throws(() => muon([zeros([3])], MUON), /shape \[3\].*matrices only/);
    using generator = Generator.seeded(1);
    for (const shape of [[4, 16], [16, 4]] as const) {
      const x = orthogonalize(randn(shape, { generator }), MUON).float();
      assert.deepEqual(x.shape, shape);
      // The squared norm is the sum of four squared singular values, each within 0.7 … 1.2.
      assert(Math.abs(x.square().sum().item() - 4) < 2);
      const wide = shape[0] < shape[1] ? x : x.t();
      const [gram] = [wide.matmul(wide.t()).toNumbers()];
      assert(gram.every((value, i) => i % 5 === 0 || Math.abs(value) < 0.35), `${gram}`);
    }
  });
});
