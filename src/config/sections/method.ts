/** Section `method`: what is trained on the frozen model. */

import { z } from "zod";
import { field, section } from "./field.ts";

/** The linear layers that a LoRA hangs on unless the config names others: attention and feed-forward of each block. */
export const DEFAULT_TARGETS: readonly string[] = ["to_q", "to_k", "to_v", "to_out.0", "ffn.net.0.proj", "ffn.net.2"];

/** Schema of `method`. */
export const methodSchema = section({
  kind: field(z.literal("lora").default("lora"), {
    title: "Kind",
    description: "How the model is adapted; lora adds two small matrices to each target.",
  }),
  rank: field(z.int().min(1).max(4096).default(32), {
    title: "Rank",
    description: "Inner width of the LoRA: more can learn more, and makes larger files.",
  }),
  alpha: field(z.number().positive().optional(), {
    title: "Alpha",
    description: "The LoRA is applied with scale alpha / rank; absent means equal to rank, so scale 1.",
  }),
  targets: field(z.array(z.string().min(1)).min(1).default([...DEFAULT_TARGETS]), {
    title: "Targets",
    description: "Ends of the names of the linear layers that are adapted, in diffusers' spelling.",
  }),
}, { title: "Method", description: "What is trained." });
