/** What each block of a transformer keeps where, chosen so that a run fits its memory with the least work. Pure arithmetic. */
import { ConfigError } from "../../base/mod.ts";
import type { MemoryConfig } from "../../config/mod.ts";
import type { WeightPlace } from "../../nn/mod.ts";
import type { BlockPlan } from "../../parallel/mod.ts";
import type { BlockCosts } from "./measure.ts";

/** How one block is treated. */
export interface BlockMemory {
  readonly graph: "keep" | "recompute";
  readonly weights: WeightPlace;
  /** Where the input that a block is recomputed from is kept. */
  readonly inputs: "device" | "host";
}

/** One entry for each block. */
export type MemoryPlan = readonly BlockMemory[];

/** Bytes of gradients, and of the update. */
export interface UpdateCosts {
  /** The gradients of one block. */
  readonly block: number;
  /** Those of what lies before and behind the blocks. */
  readonly ends: number;
  /** Whether those of an earlier micro-step are there from the beginning. */
  readonly accumulates: boolean;
  /** The most that the optimizer takes beside its state. */
  readonly work: number;
}

/** What a plan is chosen for. */
export interface PlanFacts {
  readonly numBlocks: number;
  readonly costs: BlockCosts;
  /** Bytes on the device besides the blocks: ends of the model, what is trained, its optimizer; on the host also the program. */
  readonly fixedBytes: number;
  /** Bytes of the host that are no tensors. */
  readonly programBytes: number;
  readonly update: UpdateCosts;
  /** Bytes that the run may take. */
  readonly budgetBytes: number;
  /** Where weights go that do not stay: `streamed` if the host has room for them, else `mapped`. */
  readonly away: Exclude<WeightPlace, "resident">;
  /** Whether weights can leave the device at all: those that are trained cannot. */
  readonly movable: boolean;
  readonly onHost: boolean;
}

/** A plan and what it takes. */
export interface PlanChoice {
  readonly plan: MemoryPlan;
  readonly peakBytes: number;
  /** False if nothing smaller is possible and it still is more than the budget. */
  readonly fits: boolean;
}

/** The engine's word for a block. */
export function enginePlan(plan: MemoryPlan): BlockPlan[] {
  return plan.map(({ graph, inputs }) => graph === "keep" ? "keep" : inputs === "host" ? "offload" : "recompute");
}

/**
 * The most bytes that a step has on the device at once: what stays, and the most of what comes and goes, which is what is kept for the
 * backward pass, the gradients that are there already, and the work of a block, the head or the update.
 */
export function peakOf(
  plan: MemoryPlan,
  { costs, fixedBytes, update }: Pick<PlanFacts, "costs" | "fixedBytes" | "update">,
): number {
  const kept = plan.map(({ graph, inputs }) => graph === "keep" ? costs.graph : inputs === "host" ? 0 : costs.input);
  const all = plan.length * update.block + update.ends;
  let held = update.accumulates ? all : 0, most = held + costs.stem;
  const at = (work: number): void => {
    most = Math.max(most, held + work);
  };
  plan.forEach(({ graph }, i) => {
    at(graph === "keep" ? costs.graphWork : costs.input + costs.forward);
    held += kept[i] ?? 0;
  });
  at(costs.input + costs.head);
  if (!update.accumulates) held += update.ends;
  plan.toReversed().forEach(({ graph }, i) => {
    at(graph === "keep" ? costs.backward : costs.recompute);
    held -= kept[plan.length - 1 - i] ?? 0;
    if (!update.accumulates) held += update.block;
  });
  most = Math.max(most, all + update.work);
  return fixedBytes + placedBytes(plan, costs) + costs.shared + most;
}

/** The most bytes of a forward pass without a graph. */
export function forwardPeakOf(
  plan: MemoryPlan,
  { costs, fixedBytes }: Pick<PlanFacts, "costs" | "fixedBytes">,
): number {
  const most = Math.max(costs.stem, costs.input + Math.max(costs.forward, costs.head));
  return fixedBytes + placedBytes(plan, costs) + costs.shared + most;
}

/** Bytes of the blocks' weights on the device: those that stay, and what others pass through. */
export function placedBytes(plan: MemoryPlan, costs: Pick<BlockCosts, "weights" | "passing">): number {
  const resident = plan.filter(({ weights }) => weights === "resident").length;
  return resident * costs.weights + costs.passing * Number(resident < plan.length);
}

/**
 * The plan with the least work that fits. What is given up, in this order: kept graphs, the first blocks' first, as theirs are
 * held longest; then inputs on the device; then weights on the device, of as few blocks as need be.
 * @throws {ConfigError} if the config asks for what cannot be
 */
export function choosePlan(memory: MemoryConfig, facts: PlanFacts): PlanChoice {
  checkMemory(memory, facts);
  if (memory.plan !== "auto") return judged(explicitPlan(memory.plan, facts), facts);
  let last: PlanChoice | undefined;
  for (const plan of candidates(memory, facts)) {
    last = judged(plan, facts);
    if (last.fits) return last;
  }
  if (last === undefined) throw new TypeError("no plan to choose from");
  return last;
}

/** Refuses a plan for more or fewer blocks than the model has. @throws {ConfigError} */
export function checkMemory({ plan, blocks }: MemoryConfig, { numBlocks }: Pick<PlanFacts, "numBlocks">): void {
  const planned = plan === "auto" ? numBlocks : plan.reduce((sum, { count }) => sum + count, 0);
  if (planned !== numBlocks) {
    throw new ConfigError(`Cannot plan memory: memory.plan has ${planned} blocks, the model has ${numBlocks}.`, {
      cure: "let the counts of its entries add up to the model's blocks",
    });
  }
  if (typeof blocks === "number" && blocks > numBlocks) {
    throw new ConfigError(`Cannot plan memory: memory.blocks is ${blocks}, the model has ${numBlocks} blocks.`, {
      cure: `set memory.blocks to "keep", or to a number up to ${numBlocks}`,
    });
  }
}

function judged(plan: MemoryPlan, facts: PlanFacts): PlanChoice {
  const peakBytes = peakOf(plan, facts);
  return { plan, peakBytes, fits: peakBytes <= facts.budgetBytes };
}

/** Plans from the one with the least work to the one with the least memory, within what the config fixes. */
function* candidates(memory: MemoryConfig, facts: PlanFacts): Generator<MemoryPlan> {
  const { numBlocks, movable, away, onHost } = facts;
  const wanted = onHost && memory.weights === "streamed" ? "resident" : memory.weights; // the host is where they are
  if (!movable && (wanted === "streamed" || wanted === "mapped")) {
    throw trained(wanted, 'set memory.weights to "auto", or train an adapter');
  }
  const fixed = { keep: numBlocks, recompute: 0, auto: undefined }[memory.blocks as string] ??
    (typeof memory.blocks === "number" ? memory.blocks : undefined);
  if (wanted !== "auto" && wanted !== "resident" && fixed !== undefined && fixed > 0) {
    throw keptAway('set memory.blocks to "recompute", or memory.weights to "resident"');
  }
  const graphs = wanted === "streamed" || wanted === "mapped"
    ? [0]
    : fixed === undefined
    ? Array.from({ length: numBlocks + 1 }, (_, i) => numBlocks - i)
    : [fixed];
  const inputs = memory.inputs !== "auto"
    ? [memory.inputs]
    : onHost
    ? ["device" as const]
    : ["device", "host"] as const;
  const entry = (i: number, options: { kept: number; leaving: number; inputs: "device" | "host" }): BlockMemory => {
    const keeps = i >= numBlocks - options.kept;
    const leaves = i < options.leaving && !keeps;
    const place = wanted === "auto" ? away : wanted;
    return { graph: keeps ? "keep" : "recompute", weights: leaves ? place : "resident", inputs: options.inputs };
  };
  const make = (options: { kept: number; leaving: number; inputs: "device" | "host" }): MemoryPlan =>
    Array.from({ length: numBlocks }, (_, i) => entry(i, options));
  const first = wanted === "streamed" || wanted === "mapped" ? numBlocks : 0;
  for (const place of inputs) {
    for (const kept of graphs) yield make({ kept, leaving: first, inputs: place });
  }
  if (wanted !== "auto" || !movable) return;
  const kept = graphs.at(-1) ?? 0, place = inputs.at(-1) ?? "device";
  for (let leaving = 1; leaving <= numBlocks - kept; leaving++) yield make({ kept, leaving, inputs: place });
}

function explicitPlan(list: Exclude<MemoryConfig["plan"], "auto">, facts: PlanFacts): MemoryPlan {
  const { movable, onHost } = facts;
  const plan = list.flatMap(({ count, graph, weights, inputs }) =>
    Array.from({ length: count }, () => ({
      ...{ graph, inputs },
      weights: onHost && weights === "streamed" ? "resident" as const : weights,
    }))
  );
  const leaves = plan.find(({ weights }) => weights !== "resident");
  if (leaves !== undefined && !movable) {
    throw trained(leaves.weights, 'set weights to "resident" in each entry of memory.plan, or train an adapter');
  }
  if (plan.some(({ graph, weights }) => graph === "keep" && weights !== "resident")) {
    throw keptAway('set graph to "recompute" in that entry of memory.plan, or weights to "resident"');
  }
  return plan;
}

function trained(place: WeightPlace, cure: string): ConfigError {
  return new ConfigError(`Cannot plan memory: weights that are trained cannot be ${place}.`, { cure });
}

function keptAway(cure: string): ConfigError {
  return new ConfigError("Cannot plan memory: a block whose graph is kept needs its weights until the backward pass.", {
    cure,
  });
}
