/** Section `memory`: what is traded for memory. */

import { z } from "zod";
import { auto, count, field, section } from "./field.ts";

/** Schema of `memory`. */
export const memorySchema = section({
  blocks: field(z.union([z.enum(["auto", "keep", "recompute"]), z.int().min(0)]).default("auto"), {
    title: "Blocks",
    description: "Which transformer blocks keep their intermediate results for the backward pass: all (keep), none " +
      "(recompute, slower and smaller), a number of them, or as many as fit (auto).",
  }),
  threads: field(auto(count).default("auto"), {
    title: "Threads",
    description: "Threads for computing on the CPU; auto is one per core.",
  }),
}, { title: "Memory", description: "What is traded for memory." });
