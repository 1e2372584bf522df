/**
 * The block engine: a training step's forward and backward, walked block by block. A block is either kept, its graph
 * staying alive from forward to backward, or recomputed from its kept input when its turn in backward comes. Both give
 * the same gradients bit for bit; recomputing trades about a third of a step for the memory of the graphs.
 */
import type { BlockWeights } from "../nn/mod.ts";
import { enableGrad, grad, noGrad, type Tensor, tidy, zerosLike } from "../torch/mod.ts";
import { keep, keepOnHost, type KeptInput, leaf } from "./kept_input.ts";

/** A model cut into a stem, blocks of one shape, and a head. `S` is what the stem hands on besides the sequence. */
export interface BlockModel<I, S extends { readonly x: Tensor }> {
  readonly blocks: readonly { forward(x: Tensor, stem: S): Tensor }[];
  /** Brings a block's weights for as long as it is computed with; undefined where they stay. */
  readonly blockWeights?: BlockSupply | undefined;
  stem(inputs: I): S;
  head(x: Tensor, stem: S): Tensor;
  /** The differentiable tensors of a stem, without the sequence: what blocks and head condition on. */
  shared(stem: S): readonly Tensor[];
  /** The stem with other tensors in these places. */
  withShared(stem: S, tensors: readonly Tensor[]): S;
}

/** See `BlockWeights`. */
export type BlockSupply = Pick<BlockWeights, "use">;

/**
 * What happens to one block between forward and backward: its graph is kept, or only its input is, on the device or
 * (`offload`) in host memory, to recompute the graph from.
 */
export type BlockPlan = "keep" | "recompute" | "offload";

/** Trained tensors by the part of the model that uses them. */
export interface Trainable {
  readonly stem: readonly Tensor[];
  readonly blocks: readonly (readonly Tensor[])[];
  readonly head: readonly Tensor[];
}

/** Where gradients go. The gradient is freed when the call returns, and may share memory with another one. */
export type GradSink = (param: Tensor, gradient: Tensor) => void;

/** One forward and backward. */
export interface EngineRun<I> {
  readonly inputs: I;
  /** From the head's output to a scalar. */
  readonly loss: (output: Tensor) => Tensor;
  readonly trainable: Trainable;
  /** One entry for each block. */
  readonly plan: readonly BlockPlan[];
  readonly sink: GradSink;
}

/**
 * Runs forward and backward and hands every trained tensor's gradient to the sink.
 * @returns the loss, a scalar without a graph
 */
export function forwardBackward<I, S extends { readonly x: Tensor }>(
  model: BlockModel<I, S>,
  run: EngineRun<I>,
): Tensor {
  const { trainable, plan } = run;
  if (plan.length !== model.blocks.length) {
    throw new RangeError(`a plan of ${plan.length} entries for a model of ${model.blocks.length} blocks`);
  }
  return tidy(() => {
    const trainsStem = trainable.stem.length > 0;
    const original = trainsStem ? enableGrad(() => model.stem(run.inputs)) : noGrad(() => model.stem(run.inputs));
    // Only what the trained part of the stem reaches wants a gradient: not the sequence when the text alone is trained.
    const outputs = [original.x, ...model.shared(original)].filter((x) => x.requiresGrad);
    const handedOn = model.shared(original).map((x) => x.requiresGrad ? leaf(x) : x);
    const shared = handedOn.filter((x) => x.requiresGrad);
    const stem = shared.length > 0 ? model.withShared(original, handedOn) : original;
    const gathered = shared.map(zerosLike); // their gradients, summed over all blocks and the head

    // Forward. Backward ends at the first block that has something to learn, or that something trained flows into.
    const flowsIn = original.x.requiresGrad;
    const firstTrained = trainable.blocks.findIndex((params) => params.length > 0);
    const end = flowsIn || shared.length > 0 ? 0 : firstTrained < 0 ? model.blocks.length : firstTrained;
    const inputs: (KeptInput | undefined)[] = [];
    const graphs: (Tensor | undefined)[] = [];
    let x = flowsIn ? leaf(original.x) : original.x;
    model.blocks.forEach((block, i) => {
      const before = x, kept = plan[i] === "keep" && i >= end;
      const run = (): Tensor => tidy(() => block.forward(before, stem));
      const output = visit(i, { next: i + 1, run: () => kept ? enableGrad(run) : noGrad(run) });
      const leaves = plan[i] === "offload" && before.device !== "cpu";
      inputs.push(i < end ? undefined : leaves ? keepOnHost(before) : keep(before));
      graphs.push(kept ? output : undefined);
      x = leaf(output);
      if (!kept) output[Symbol.dispose]();
      if (i < end && i > 0) before[Symbol.dispose]();
    });

    // Head.
    const last = x;
    const { loss, dx } = tidy(() => {
      const value = enableGrad(() => run.loss(model.head(last, stem)));
      const gradients = grad([value], [last, ...trainable.head, ...shared]);
      return { loss: value.detach(), dx: required(deliver({ gradients, params: trainable.head })) };
    });

    // Backward, last block first.
    let flowing: Tensor | undefined = dx;
    for (let i = model.blocks.length - 1; i >= end; i--) {
      using kept = inputs[i];
      const params = trainable.blocks[i] ?? [];
      const wantsInput = i > end || flowsIn;
      using arriving: Tensor | undefined = flowing;
      using graph = graphs[i];
      if (kept === undefined || arriving === undefined || (!wantsInput && params.length + shared.length === 0)) {
        flowing = undefined;
        continue;
      }
      const backward = (output: Tensor, input: Tensor): Tensor | undefined => {
        const gradients = grad([output], [...(wantsInput ? [input] : []), ...params, ...shared], {
          outputGrads: [arriving],
        });
        return deliver({ gradients: wantsInput ? gradients : [undefined, ...gradients], params });
      };
      const run = (): Tensor | undefined =>
        tidy(() => {
          const input = kept.take();
          const block = model.blocks[i] as (typeof model.blocks)[0];
          return backward(graph ?? enableGrad(() => tidy(() => block.forward(input, stem))), input);
        });
      flowing = graph === undefined ? visit(i, { next: i - 1, run }) : run();
    }

    // Stem. What nothing in this batch depends on, such as a word that no caption has, has a gradient of zero.
    if (trainsStem) {
      const outputGrads = [...(flowsIn ? [required(flowing)] : []), ...gathered];
      const found = outputs.length === 0 ? [] : grad(outputs, trainable.stem, { outputGrads });
      const gradients = trainable.stem.map((param, j) => found[j] ?? zerosLike(param));
      deliver({ gradients: [undefined, ...gradients], params: trainable.stem });
    }
    return loss;

    /** Runs something with a block's weights at hand, and those of the next one on their way. */
    function visit<T>(i: number, { run, next }: { run: () => T; next: number }): T {
      if (model.blockWeights === undefined) return run();
      return model.blockWeights.use(i, { run, next: next in model.blocks ? next : undefined });
    }

    /** Hands gradients on: the first is the sequence's and is returned, then parameters, then what is shared. */
    function deliver(
      step: { gradients: readonly (Tensor | undefined)[]; params: readonly Tensor[] },
    ): Tensor | undefined {
      const { gradients, params } = step;
      params.forEach((param, j) => {
        const gradient = gradients[1 + j];
        if (gradient !== undefined) run.sink(param, gradient);
      });
      shared.forEach((_, j) => {
        const gradient = gradients[1 + params.length + j];
        if (gradient !== undefined) gathered[j]?.add_(gradient);
      });
      return gradients[0];
    }
  });
}

function required(gradient: Tensor | undefined): Tensor {
  if (gradient === undefined) throw new TypeError("the loss does not depend on the model's output");
  return gradient;
}
