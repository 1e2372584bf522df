/** Section `memory`: what is traded for memory. */

import { z } from "zod";
import { auto, count, field, section } from "./field.ts";

const graph = z.enum(["keep", "recompute"]);
const weights = z.enum(["resident", "streamed", "mapped"]);
const inputs = z.enum(["device", "host"]);

const blocksSchema = section({
  count: field(count.default(1), { title: "Count", unit: "blocks", description: "How many blocks in a row." }),
  graph: field(graph.default("recompute"), {
    title: "Graph",
    description: "Whether they keep their intermediate results for the backward pass or compute them again.",
  }),
  weights: field(weights.default("resident"), {
    title: "Weights",
    description: "Where their weights are between their turns.",
  }),
  inputs: field(inputs.default("device"), {
    title: "Inputs",
    description: "Where the inputs that they are computed again from are meanwhile.",
  }),
}, { title: "Blocks", description: "Blocks in a row that are treated alike." });

/** Schema of `memory`. */
export const memorySchema = section({
  budgetGiB: field(auto(z.number().positive()).default("auto"), {
    title: "Budget",
    unit: "GiB",
    description: "Memory that the run may take: of the card, or of the host where it trains on the CPU. Auto is nine " +
      "tenths of what is free when it starts.",
  }),
  plan: field(z.union([z.literal("auto"), z.array(blocksSchema).min(1)]).default("auto"), {
    title: "Plan",
    description: "How each transformer block is treated. Auto measures one and chooses what fits the budget with the " +
      "least computing and copying, within what blocks, weights and inputs say; a list says it block by block.",
  }),
  blocks: field(z.union([z.enum(["auto", "keep", "recompute"]), z.int().min(0)]).default("auto"), {
    title: "Graphs",
    description: "Which blocks keep their intermediate results for the backward pass: all (keep), none (recompute, " +
      "slower and smaller), a number of them, or as many as fit (auto).",
  }),
  weights: field(auto(weights).default("auto"), {
    title: "Weights",
    description:
      "Where the blocks' weights are between their turns: where they are computed with (resident), in host " +
      "memory and copied to the card meanwhile (streamed), or in their file (mapped).",
  }),
  inputs: field(auto(inputs).default("auto"), {
    title: "Inputs",
    description: "Where the inputs of blocks that are computed again are meanwhile: on the card or in host memory.",
  }),
  threads: field(auto(count).default("auto"), {
    title: "Threads",
    description: "Threads for computing on the CPU; auto is one per core.",
  }),
}, { title: "Memory", description: "What is traded for memory." });
