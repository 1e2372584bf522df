/** The memory plan of one expert while it is trained: measured, chosen, applied, and made smaller where it does not hold. */
import type { MemoryConfig } from "../../config/mod.ts";
import type { EventBody } from "../../events/mod.ts";
import type { BlockPlan } from "../../parallel/mod.ts";
import { type Device, deviceMemory, type DType, emptyCache, type Tensor } from "../../torch/mod.ts";
import type { Expert, WanTransformer } from "../../wan/mod.ts";
import { type BatchShape, type BlockCosts, measureBlock } from "./measure.ts";
import { choosePlan, enginePlan, type MemoryPlan, type PlanChoice, type PlanFacts } from "./plan.ts";

/** What a plan is made for. */
export interface PlannedModel {
  readonly model: WanTransformer;
  /** The model's parameters by name; those of blocks that come and go are away. */
  readonly params: ReadonlyMap<string, Tensor>;
  /** What is trained, by name. */
  readonly trained: ReadonlyMap<string, Tensor>;
}

export interface PlanOptions {
  readonly memory: MemoryConfig;
  readonly batch: BatchShape;
  readonly device: Device;
  readonly dtype: DType;
  /** Micro-steps of a step. */
  readonly accumulation: number;
  /** The most that the optimizer takes beside its state while it updates. */
  readonly updateBytes: number;
  /** What encoding captions takes in each step, where something is trained on the text encoder. */
  readonly textBytes: number;
  /** Bytes that the program itself takes on the host, all but tensors; asked once it has computed. Those of this one if absent. */
  readonly programBytes?: (() => number) | undefined;
  /** Bytes that a run will have beside what is there now; none if absent. */
  readonly missingBytes?: number;
}

/** Share of the free memory that a run takes unless the config says otherwise. */
const SHARE = 0.9;
const GIB = 2 ** 30;

/** How many blocks are treated alike, for messages: `12 kept, 18 recomputed, 4 of them mapped`. */
export function planText(plan: MemoryPlan): string {
  const count = (of: (entry: MemoryPlan[number]) => boolean): number => plan.filter(of).length;
  const kept = count(({ graph }) => graph === "keep"),
    away = plan.find(({ weights }) => weights !== "resident")?.weights;
  const onHost = count(({ graph, inputs }) => graph === "recompute" && inputs === "host");
  return [
    `${kept} of ${plan.length} blocks keep their graph`,
    ...(away === undefined ? [] : [`the weights of ${count(({ weights }) => weights === away)} are ${away}`]),
    ...(onHost === 0 ? [] : [`the inputs of ${onHost} are kept on the host`]),
  ].join(", ");
}

/** The event that tells a plan. */
export function planEvent(inForce: PlanInForce, expert: Expert): EventBody {
  const { choice: { plan, peakBytes, fits }, budgetBytes } = inForce;
  return {
    type: "plan",
    ...(expert === "only" ? {} : { expert }),
    text: planText(plan),
    blocks: plan.map((entry) => ({ ...entry })),
    peakBytes: Math.round(peakBytes),
    ...(budgetBytes === undefined || budgetBytes === Infinity ? {} : { budgetBytes: Math.round(budgetBytes) }),
    fits,
  };
}

/** Bytes of the host that are no tensors: the program, its libraries and what it keeps of the data. Lets go of what is free. */
export function programMemory(): number {
  emptyCache("cpu");
  return Deno.memoryUsage().rss - deviceMemory("cpu").allocated;
}

/** A plan that holds for a model's blocks. */
export class PlanInForce {
  readonly #model: WanTransformer;
  readonly #memory: MemoryConfig;
  readonly #facts: PlanFacts | undefined;
  #choice: PlanChoice;

  private constructor(options: {
    model: WanTransformer;
    memory: MemoryConfig;
    facts: PlanFacts | undefined;
    choice: PlanChoice;
  }) {
    this.#model = options.model;
    this.#memory = options.memory;
    this.#facts = options.facts;
    this.#choice = options.choice;
  }

  /** Every block stays in memory and is recomputed unless said otherwise; nothing is measured. */
  static plain(
    model: WanTransformer,
    { memory, graphOf = () => "recompute" }: {
      memory: MemoryConfig;
      graphOf?: (block: number) => "keep" | "recompute";
    },
  ): PlanInForce {
    const plan = model.blocks.map((_, i) => ({ graph: graphOf(i), weights: "resident", inputs: "device" } as const));
    return new PlanInForce({ model, memory, facts: undefined, choice: { plan, peakBytes: 0, fits: true } });
  }

  /**
   * Measures one block and chooses a plan; nothing is moved yet.
   * @throws {ConfigError} if the config asks for what cannot be
   */
  static measured(planned: PlannedModel, options: PlanOptions): PlanInForce {
    const facts = planFacts(planned, options);
    const { model } = planned, { memory } = options;
    return new PlanInForce({ model, memory, facts, choice: choosePlan(memory, facts) });
  }

  get choice(): PlanChoice {
    return this.#choice;
  }

  /** What was measured; undefined if nothing was. */
  get costs(): BlockCosts | undefined {
    return this.#facts?.costs;
  }

  get budgetBytes(): number | undefined {
    return this.#facts?.budgetBytes;
  }

  /** Whether it has blocks whose weights are quantised anew at each of their turns: a step then takes far longer. */
  get quantizesMapped(): boolean {
    const { blockWeights } = this.#model;
    return this.#choice.plan.some(({ weights }) => weights === "mapped") && (blockWeights?.quantizesMapped ?? false);
  }

  /** What was measured for the plan. @throws {TypeError} if nothing was */
  get facts(): PlanFacts {
    if (this.#facts === undefined) throw new TypeError("nothing was measured");
    return this.#facts;
  }

  /** The plan as the engine takes it. */
  get blocks(): readonly BlockPlan[] {
    return enginePlan(this.#choice.plan);
  }

  /** Brings the blocks' weights to where the plan has them. */
  place(): void {
    const { blockWeights } = this.#model;
    this.#choice.plan.forEach(({ weights }, i) => blockWeights?.move(i, weights));
  }

  /** Leaves the weights to their files, until `place`. */
  park(): void {
    const { blockWeights } = this.#model;
    blockWeights?.places.forEach((_, i) => blockWeights.move(i, "mapped"));
  }

  /**
   * Halves what the plan may take beyond what every plan takes, after memory ran out in spite of it.
   * @returns false if it is as small as can be
   */
  shrink(): boolean {
    if (this.#facts === undefined) return false;
    const auto = { ...this.#memory, plan: "auto", blocks: "auto", weights: "auto", inputs: "auto" } as const;
    const smallest = choosePlan(auto, { ...this.#facts, budgetBytes: 0 });
    const { plan, peakBytes } = this.#choice;
    const budgetBytes = smallest.peakBytes + (peakBytes - smallest.peakBytes) / 2;
    const choice = choosePlan(auto, { ...this.#facts, budgetBytes });
    if (JSON.stringify(choice.plan) === JSON.stringify(plan)) return false;
    this.#choice = choice;
    return true;
  }
}

function planFacts({ model, params, trained }: PlannedModel, options: PlanOptions): PlanFacts {
  const { batch, device, dtype, memory, accumulation, updateBytes, textBytes, missingBytes = 0 } = options;
  const numBlocks = model.blocks.length;
  const inBlock = (named: ReadonlyMap<string, Tensor>, i: number): Tensor[] =>
    [...named].filter(([name]) => name.startsWith(`blocks.${i}.`)).map(([, tensor]) => tensor);
  const trainedIn = model.blocks.map((_, i) => inBlock(trained, i));
  const index = trainedIn.reduce((most, list, i) => list.length > (trainedIn[most]?.length ?? 0) ? i : most, 0);
  const weightBytes = bytesOf(inBlock(params, index));
  emptyCache(device);
  const found = measureBlock(model, { batch, device, dtype, index, trained: trainedIn[index] ?? [], weightBytes });
  const costs = { ...found, shared: found.shared + textBytes };
  const onHost = device === "cpu";
  // Looked at now, as libraries take memory of their own when they are first computed with.
  const programBytes = (options.programBytes ?? programMemory)();
  const { allocated, reserved, free } = deviceMemory(device);
  const { blockWeights } = model;
  const movable = blockWeights !== undefined;
  const here = blockWeights?.places.filter((place) => place === "resident").length ?? numBlocks;
  const fixedBytes = allocated + missingBytes - here * weightBytes + (onHost ? programBytes : 0);
  const inBlocks = bytesOf(trainedIn.flat());
  const update = {
    block: inBlocks / numBlocks,
    ends: bytesOf(trained.values()) - inBlocks,
    accumulates: accumulation > 1,
    work: updateBytes,
  };
  const available = Deno.systemMemoryInfo().available;
  const auto = onHost
    ? SHARE * (available + Deno.memoryUsage().rss)
    : free === undefined
    ? Infinity
    : SHARE * (free + reserved);
  const budgetBytes = memory.budgetGiB === "auto" ? auto : memory.budgetGiB * GIB;
  const away = !onHost && numBlocks * weightBytes < SHARE * available ? "streamed" : "mapped";
  return { numBlocks, costs, programBytes, fixedBytes, update, budgetBytes, away, movable, onHost };
}

/** Bytes of tensors; also of those that are away. */
export function bytesOf(tensors: Iterable<Tensor>): number {
  return [...tensors].reduce((sum, tensor) => sum + tensor.numBytes, 0);
}
