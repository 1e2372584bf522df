/**
 * The pre-tokenizers a `tokenizer.json` may state: they cut normalized text into words, within which pieces are sought.
 * Source: huggingface/tokenizers tokenizers/src/pre_tokenizers/{metaspace,whitespace,sequence}.rs
 */
import { z } from "zod";
import { WeightsError } from "../base/mod.ts";
import { readPart } from "./tokenizer_read.ts";

/** A stretch of text without added tokens; `first` says that it begins where the whole text begins. */
export interface Stretch {
  readonly text: string;
  readonly first: boolean;
}

/** Cuts a stretch into smaller ones, none of them empty. */
export type WordSplitter = (stretch: Stretch) => Stretch[];

const Metaspace = z.object({
  replacement: z.string().refine((text) => Array.from(text).length === 1, "must be one character"),
  add_prefix_space: z.boolean().optional(), // the older layout: true is prepend_scheme "always", false is "never"
  prepend_scheme: z.enum(["always", "first", "never"]).optional(),
  split: z.boolean().optional(),
});

/**
 * Reads the `pre_tokenizer` of a `tokenizer.json`; null leaves the text whole.
 * @throws {WeightsError} if a type is unknown here, or lacks what it needs
 */
export function readWordSplitter(json: unknown, where = "pre_tokenizer"): WordSplitter {
  if (json === null || json === undefined) return (stretch) => [stretch];
  const { type } = readPart(z.object({ type: z.string() }), json, where);
  switch (type) {
    case "Sequence": {
      const { pretokenizers } = readPart(z.object({ pretokenizers: z.array(z.unknown()) }), json, where);
      const steps = pretokenizers.map((step, index) => readWordSplitter(step, `${where}.pretokenizers[${index}]`));
      return (stretch) => steps.reduce((stretches, step) => stretches.flatMap(step), [stretch]);
    }
    case "WhitespaceSplit":
      return splitAtWhiteSpace;
    case "Metaspace":
      return metaspace(readPart(Metaspace, json, where));
    default:
      throw new WeightsError(`Cannot use the tokenizer: its ${where} has the type "${type}", which is not supported`, {
        cure: "use the tokenizer.json that comes with the WAN 2.2 models",
      });
  }
}

function splitAtWhiteSpace({ text, first }: Stretch): Stretch[] {
  return Array.from(
    text.matchAll(/\P{White_Space}+/gu),
    (match) => ({ text: match[0], first: first && match.index === 0 }),
  );
}

/** Makes spaces visible, puts one in front, and cuts before each. */
function metaspace(settings: z.infer<typeof Metaspace>): WordSplitter {
  const { replacement, split = true } = settings;
  const scheme = settings.add_prefix_space === false ? "never" : settings.prepend_scheme ?? "always";
  return ({ text, first }) => {
    if (text === "") return [];
    let marked = text.replaceAll(" ", replacement);
    const prepend = scheme === "always" || (scheme === "first" && first);
    if (prepend && !marked.startsWith(replacement)) marked = replacement + marked;
    if (!split) return [{ text: marked, first }];
    const words: Stretch[] = [];
    for (let start = 0; start < marked.length;) {
      const next = marked.indexOf(replacement, start + replacement.length);
      const end = next < 0 ? marked.length : next;
      words.push({ text: marked.slice(start, end), first: first && start === 0 });
      start = end;
    }
    return words;
  };
}
