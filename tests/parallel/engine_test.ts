import assert from "node:assert/strict";
import { join } from "node:path";
import { AdamW } from "../../src/optim/mod.ts";
import { type BlockPlan, forwardBackward, GradientStore } from "../../src/parallel/mod.ts";
import {
  Generator,
  grad,
  liveHandles,
  mseLoss,
  noGrad,
  randn,
  type Tensor,
  tensor,
  tidy,
  zeros,
} from "../../src/torch/mod.ts";
import {
  loadTransformer,
  type Stem,
  trainableParts,
  type TransformerInputs,
  type WanTransformer,
} from "../../src/wan/transformer/mod.ts";
import { freshLoras } from "../support/adapters.ts";
import { ownGoldenDir } from "../support/paths.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

const TRANSFORMER = join(ownGoldenDir(), "checkpoints/ti2v_5b/transformer");
const STEPS = 10;

type Method = "lora" | "full";
/** How gradients are computed: by the block engine with a plan, or by one backward through the whole model. */
type Way = readonly BlockPlan[] | "plain";
interface Example extends TransformerInputs {
  readonly target: Tensor;
}

/** Two samples with a timestep for each token, the first latent frame's being 0. */
function example(seed: number, batch = 2): Example {
  using generator = Generator.seeded(seed);
  const latents = randn([batch, 48, 3, 4, 4], { generator });
  const tokens = Array.from({ length: batch }, (_, b) => [0, 0, 0, 0, ...new Array(8).fill(100 * seed + 300 * b + 1)]);
  return {
    hiddenStates: latents,
    timestep: tensor(tokens.flat(), { shape: [batch, 12] }),
    encoderHiddenStates: randn([batch, 7, 32], { generator }),
    target: randn(latents.shape, { generator }),
  };
}

/** Loads the model, adapts it where asked, and gives the trained tensors by name. */
function withTrained(
  method: Method,
  use: (model: WanTransformer, trained: ReadonlyMap<string, Tensor>) => void,
): void {
  tidy(() => {
    const { model, params } = loadTransformer(TRANSFORMER, { dtype: "float32", device: "cpu" });
    using _model = model;
    const targets = method === "lora" ? ["to_q", "to_v", "to_out.0", "ffn.net.0.proj"] : [];
    // A start at B = 0 gives A no gradient; a trained one does.
    using lora = freshLoras(model.linears, { targets, up: 0.01 });
    const trained = method === "lora" ? lora.params : params;
    for (const param of trained.values()) param.setRequiresGrad(true);
    use(model, trained);
  });
}

/** Bytes of every gradient at every step and of the parameters at the end. */
function train(method: Method, way: Way): { gradients: string[]; final: Map<string, string>; losses: number[] } {
  const gradients: string[] = [], losses: number[] = [];
  const final = new Map<string, string>();
  const bytes = (x: Tensor): string => new TextDecoder("latin1").decode(x.detach().toBytes());
  withTrained(method, (model, trained) => {
    const list = [...trained.values()];
    using optimizer = new AdamW(list, { betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0.01 });
    using store = new GradientStore(list);
    for (let step = 0; step < STEPS; step++) {
      tidy(() => {
        const { target, ...inputs } = example(step);
        const loss = (output: Tensor): Tensor => mseLoss(output, target);
        if (way === "plain") {
          const value = loss(model.forward(inputs));
          losses.push(value.item());
          grad([value], list).forEach((gradient, i) => store.add(list[i] as Tensor, gradient as Tensor));
        } else {
          const value = forwardBackward<TransformerInputs, Stem>(model, {
            inputs,
            loss,
            trainable: trainableParts(model, trained),
            plan: way,
            sink: (param, gradient) => store.add(param, gradient),
          });
          losses.push(value.item());
        }
        gradients.push(...store.all().map(bytes));
        noGrad(() => optimizer.step(store.all(), 1e-3));
        store.clear();
      });
    }
    for (const [name, param] of trained) final.set(name, bytes(param));
  });
  return { gradients, final, losses };
}

/** One forward and backward with the middle block kept, into a store. */
function run(
  model: WanTransformer,
  { trained, store, ...rest }: {
    inputs: TransformerInputs;
    loss: (output: Tensor) => Tensor;
    trained: ReadonlyMap<string, Tensor>;
    store: GradientStore;
  },
): void {
  forwardBackward<TransformerInputs, Stem>(model, {
    ...rest,
    trainable: trainableParts(model, trained),
    plan: MIXED,
    sink: (param, gradient) => store.add(param, gradient),
  });
}

const KEEP: BlockPlan[] = ["keep", "keep", "keep"];
const RECOMPUTE: BlockPlan[] = ["recompute", "recompute", "recompute"];
const MIXED: BlockPlan[] = ["recompute", "keep", "recompute"];

for (const method of ["lora", "full"] as const) {
  Deno.test(`kept and recomputed blocks give the same bits over ${STEPS} steps, ${method}`, () => {
    leakFree(() => {
      const kept = train(method, KEEP);
      assert.notDeepEqual(kept.losses[0], kept.losses[1]);
      for (const way of [RECOMPUTE, MIXED]) {
        const other = train(method, way);
        assert.deepEqual(other.losses, kept.losses);
        assert.deepEqual(other.gradients, kept.gradients);
        assert.deepEqual(other.final, kept.final);
      }
    });
  });
}

Deno.test(`the block engine gives the bits of one plain backward over ${STEPS} steps, lora`, () => {
  leakFree(() => {
    const plain = train("lora", "plain"), engine = train("lora", RECOMPUTE);
    assert.deepEqual(engine.losses, plain.losses);
    assert.deepEqual(engine.gradients, plain.gradients);
    assert.deepEqual(engine.final, plain.final);
  });
});

Deno.test("the block engine gives a plain backward's gradients to rounding, full", () => {
  leakFree(() => {
    withTrained("full", (model, trained) => {
      const list = [...trained.values()];
      const { target, ...inputs } = example(1);
      const loss = (output: Tensor): Tensor => mseLoss(output, target);
      const plain = grad([loss(model.forward(inputs))], list) as Tensor[];
      using store = new GradientStore(list);
      run(model, { inputs, loss, trained, store });
      // What all blocks condition on gets its gradient summed in another order.
      store.all().forEach((gradient, i) => {
        const wanted = plain[i] as Tensor;
        const off = gradient.sub(wanted).norm().item() / wanted.norm().item();
        assert(off < 1e-5, `${[...trained.keys()][i]} is off by ${off}`);
      });
    });
  });
});

Deno.test("two accumulated micro-steps equal one of twice the size", () => {
  leakFree(() => {
    withTrained("full", (model, trained) => {
      const { target, ...inputs } = example(2, 4);
      using whole = new GradientStore([...trained.values()]);
      using summed = new GradientStore([...trained.values()]);
      run(model, { inputs, loss: (output) => mseLoss(output, target), trained, store: whole });
      for (const half of [0, 1]) {
        const part = (x: Tensor): Tensor => x.narrow(0, 2 * half, 2);
        const micro = {
          hiddenStates: part(inputs.hiddenStates),
          timestep: part(inputs.timestep),
          encoderHiddenStates: part(inputs.encoderHiddenStates),
        };
        const loss = (output: Tensor): Tensor => mseLoss(output, part(target)).mul(0.5);
        run(model, { inputs: micro, loss, trained, store: summed });
      }
      whole.all().forEach((wanted, i) => {
        const off = (summed.all()[i] as Tensor).sub(wanted).norm().item() / wanted.norm().item();
        assert(off < 1e-5, `${[...trained.keys()][i]} is off by ${off}`);
      });
    });
  });
});

Deno.test("forwardBackward() trains single parts: a block in the middle, the head, the stem", () => {
  leakFree(() => {
    withTrained("full", (model, trained) => {
      const { target, ...inputs } = example(3);
      const loss = (output: Tensor): Tensor => mseLoss(output, target);
      const all = grad([loss(model.forward(inputs))], [...trained.values()]) as Tensor[];
      const names = [...trained.keys()];
      const parts = [/^blocks\.1\./, /^(proj_out|scale_shift_table)/, /^(patch_embedding|condition_embedder)\./];
      for (const part of [...parts, /^condition_embedder\.text/, /^condition_embedder\.time/, /^patch_embedding/]) {
        const chosen = new Map([...trained].filter(([name]) => part.test(name)));
        assert(chosen.size > 0);
        for (const [name, param] of trained) param.setRequiresGrad(chosen.has(name)); // the others are frozen
        using store = new GradientStore([...chosen.values()]);
        run(model, { inputs, loss, trained: chosen, store });
        [...chosen.keys()].forEach((name, i) => {
          const wanted = all[names.indexOf(name)] as Tensor;
          const off = (store.all()[i] as Tensor).sub(wanted).norm().item() / wanted.norm().item();
          assert(off < 1e-5, `${name} is off by ${off}`);
        });
      }
    });
  });
});

Deno.test("what a batch does not depend on has a gradient of zero: a word that no caption has", () => {
  leakFree(() => {
    withTrained("lora", (model, adapters) => {
      for (const param of adapters.values()) param.setRequiresGrad(false);
      const { target, ...inputs } = example(5);
      const vectors = zeros([2, 4]);
      vectors.setRequiresGrad(true);
      using store = new GradientStore([vectors]);
      run(model, {
        inputs,
        loss: (output) => mseLoss(output, target),
        trained: new Map([["embedding.x", vectors]]),
        store,
      });
      assert.deepEqual(store.all()[0]?.toNumbers(), [0, 0, 0, 0, 0, 0, 0, 0]);
    });
  });
});

Deno.test("forwardBackward() refuses a plan of another length, and a failure leaves no tensor behind", () => {
  leakFree(() => {
    withTrained("lora", (model, trained) => {
      const { target: _, ...inputs } = example(4);
      const sink = (): void => {};
      const trainable = trainableParts(model, trained);
      const loss = (output: Tensor): Tensor => output.sum();
      assert.throws(
        () => forwardBackward<TransformerInputs, Stem>(model, { inputs, loss, trainable, plan: ["keep"], sink }),
        { name: "RangeError", message: "a plan of 1 entries for a model of 3 blocks" },
      );
      tidy(() => void model.forward(inputs)); // the model keeps its rotary table
      const before = liveHandles();
      assert.throws(() =>
        forwardBackward<TransformerInputs, Stem>(model, {
          inputs,
          loss,
          trainable,
          plan: RECOMPUTE,
          sink: () => {
            throw new Error("the disk is full");
          },
        }), { message: "the disk is full" });
      assert.equal(liveHandles(), before);
    });
  });
});
