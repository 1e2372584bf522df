/**
 * Section `method`: what is trained. Each method is one choice of the section with fields of its own, so that a field it does
 * not know is an error and not a silent nothing.
 */

import { z } from "zod";
import { count, field, section } from "./field.ts";

/** The linear layers that the words for targets stand for, as patterns. */
export const TARGET_PRESETS = {
  attention: ["to_q", "to_k", "to_v", "to_out.0"],
  "attention-ffn": ["to_q", "to_k", "to_v", "to_out.0", "ffn.net.0.proj", "ffn.net.2"],
  all: ["*"],
} as const;

const TEXT_TARGETS = ["q", "k", "v", "o", "wi_0", "wi_1", "wo"];

const pattern = z.string().min(1);
const patterns = z.array(pattern);
const PATTERN =
  "A pattern is the end of a name in whole words, where * stands for any characters and {0..9} for a number " +
  "(blocks.{0..9}.attn1.*).";

const kind = <K extends string>(word: K): z.ZodLiteral<K> =>
  field(z.literal(word), { title: "Kind", description: "What is trained: a small addition, the model, or words." });

const rank = z.int().min(1).max(4096);
const alpha = z.number().positive();

const layerSchema = section({
  match: field(pattern, { title: "Layers", description: `Which layers. ${PATTERN}` }),
  rank: field(rank.optional(), { title: "Rank", description: "Their rank; absent means that of all." }),
  alpha: field(alpha.optional(), { title: "Alpha", description: "Their alpha; absent means that of all." }),
}, { title: "Layers", description: "Layers with a rank or alpha of their own." });

const textEncoderSchema = section({
  targets: field(patterns.min(1).default(TEXT_TARGETS), {
    title: "Targets",
    description: `Which linear layers of the text encoder are adapted. ${PATTERN}`,
  }),
  rank: field(rank.default(8), { title: "Rank", description: "Inner width of the text encoder's adapters." }),
  alpha: field(alpha.optional(), {
    title: "Alpha",
    description: "As for the transformer; absent means equal to rank.",
  }),
}, {
  title: "Text encoder",
  description: "Adapters on the text encoder, trained along. It then stays in memory and works in every step.",
});

const adapter = {
  rank: field(rank.default(32), {
    title: "Rank",
    description: "Inner width of the adapters: more can learn more, and makes larger files.",
  }),
  alpha: field(alpha.optional(), {
    title: "Alpha",
    description: "Adapters are applied with scale alpha / rank; absent means equal to rank, so scale 1.",
  }),
  rankStabilized: field(z.boolean().default(false), {
    title: "Rank-stabilised",
    description: "Scales by alpha / √rank, so that a larger rank does not learn more slowly.",
  }),
  dropout: field(z.number().min(0).lt(1).default(0), {
    title: "Dropout",
    description: "Share of the adapters' inputs that is left out at random while training.",
  }),
  targets: field(z.union([z.enum(["attention", "attention-ffn", "all"]), patterns.min(1)]).default("attention-ffn"), {
    title: "Targets",
    description:
      "The linear layers that are adapted: those of attention, of the feed-forward too, all (with those before " +
      `and behind the blocks), or patterns. ${PATTERN}`,
  }),
  exclude: field(patterns.default([]), {
    title: "Excluded",
    description: "Layers that are not adapted although they are targets, as patterns.",
  }),
  layers: field(z.array(layerSchema).default([]), {
    title: "Ranks by layer",
    description: "Layers with a rank or alpha of their own; a layer goes by the first entry that it matches.",
  }),
  maxNorm: field(z.number().positive().optional(), {
    title: "Largest norm",
    description: "Adapters whose change of a weight grows beyond this norm are scaled back to it after each step.",
  }),
  textEncoder: textEncoderSchema.optional(),
  init: field(z.string().min(1).optional(), {
    title: "Start",
    description: "An adapter file to go on from, of the same kind, layers and ranks; absent means a fresh one.",
  }),
};

const lora = section({ kind: kind("lora").default("lora"), ...adapter }, {
  title: "LoRA",
  description: "Two small matrices beside each target.",
});
const dora = section({ kind: kind("dora"), ...adapter }, {
  title: "DoRA",
  description:
    "A LoRA for the direction of each row of a weight, and a number for its length: slower, often closer to " +
    "full fine-tuning.",
});
const lokr = section({
  kind: kind("lokr"),
  ...adapter,
  factor: field(z.union([z.literal("balanced"), z.int().min(2).max(4096)]).default(16), {
    title: "Factor",
    description: "Largest side of the small factor; balanced makes both factors as equal in size as they come.",
  }),
}, {
  title: "LoKr",
  description:
    "The Kronecker product of two small factors beside each target: smaller files than a LoRA; diffusers loads none.",
});

const full = section({
  kind: kind("full"),
  parameters: field(z.union([z.literal("all"), patterns.min(1)]).default("all"), {
    title: "Parameters",
    description: `All of the transformer, or the parameters whose names match one of the patterns. ${PATTERN}`,
  }),
}, { title: "Full fine-tuning", description: "The model's own weights." });

const embedding = section({
  kind: kind("embedding"),
  token: field(z.string().regex(/^\S+$/).default("<wantune>"), {
    title: "Token",
    description: "The new word, as captions and prompts have it. It must not be a word that the tokenizer knows.",
    allowed: "text without spaces",
  }),
  vectors: field(count.max(64).default(4), {
    title: "Vectors",
    description: "How many places the word takes in a prompt: more can hold more.",
  }),
  initWord: field(z.string().min(1).optional(), {
    title: "Starting word",
    description: "Known words that say roughly what it is; its vectors start at theirs. Absent: at random.",
  }),
  init: field(z.string().min(1).optional(), {
    title: "Start",
    description: "An embedding file to go on from; its vectors are taken, whatever `vectors` says.",
  }),
}, {
  title: "Embedding",
  description: "A new word for the frozen text encoder (textual inversion): a file of a few kB.",
});

const ADAPTER_KINDS: readonly string[] = ["lora", "dora", "lokr"];

/** The fields that keep their meaning when a config names another method than the one it extends. */
export function sharedMethodFields(from: string, to: string): readonly string[] {
  return [from, to].every((word) => ADAPTER_KINDS.includes(word)) ? Object.keys(adapter) : [];
}

/** Schema of `method`: one choice for each method, LoRA when it has no kind. */
export const methodSchema = z.discriminatedUnion("kind", [lora, dora, lokr, full, embedding])
  .meta({ title: "Method", description: "What is trained." });
