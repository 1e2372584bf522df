/** The normalizers a `tokenizer.json` may state, as functions from text to text. */
import { z } from "zod";
import { WeightsError } from "../base/mod.ts";
import { Charsmap } from "./tokenizer_charmap.ts";
import { readPart } from "./tokenizer_read.ts";

/** Text before it is cut into words. */
export type Normalizer = (text: string) => string;

const Replace = z.object({
  pattern: z.union([z.object({ String: z.string() }), z.object({ Regex: z.string() })]),
  content: z.string(),
});

/**
 * Reads the `normalizer` of a `tokenizer.json`; null changes nothing.
 * @throws {WeightsError} if a type is unknown here, or lacks what it needs
 */
export function readNormalizer(json: unknown, where = "normalizer"): Normalizer {
  if (json === null || json === undefined) return (text) => text;
  const { type } = readPart(z.object({ type: z.string() }), json, where);
  switch (type) {
    case "Sequence": {
      const { normalizers } = readPart(z.object({ normalizers: z.array(z.unknown()) }), json, where);
      const steps = normalizers.map((step, index) => readNormalizer(step, `${where}.normalizers[${index}]`));
      return (text) => steps.reduce((current, step) => step(current), text);
    }
    case "Precompiled": {
      const { precompiled_charsmap } = readPart(z.object({ precompiled_charsmap: z.string() }), json, where);
      const charsmap = new Charsmap(precompiled_charsmap);
      return (text) => charsmap.normalize(text);
    }
    case "Replace":
      return replacer(readPart(Replace, json, where), where);
    case "Strip": {
      const sides = readPart(z.object({ strip_left: z.boolean(), strip_right: z.boolean() }), json, where);
      return (text) => strip(text, { left: sides.strip_left, right: sides.strip_right });
    }
    case "NFC":
    case "NFD":
    case "NFKC":
    case "NFKD":
      return (text) => text.normalize(type);
    default:
      throw new WeightsError(`Cannot use the tokenizer: its ${where} has the type "${type}", which is not supported`, {
        cure: "use the tokenizer.json that comes with the WAN 2.2 models",
      });
  }
}

function replacer({ pattern, content }: z.infer<typeof Replace>, where: string): Normalizer {
  if ("String" in pattern) {
    const { String: wanted } = pattern;
    return wanted === "" ? (text) => text : (text) => text.replaceAll(wanted, () => content);
  }
  let regex: RegExp;
  try {
    regex = new RegExp(pattern.Regex, "gu");
  } catch (cause) {
    throw new WeightsError(
      `Cannot use the tokenizer: its ${where} has the pattern ${pattern.Regex}, which is not supported`,
      {
        cause,
      },
    );
  }
  return (text) => text.replace(regex, () => content);
}

function strip(text: string, sides: { left: boolean; right: boolean }): string {
  const left = sides.left ? text.replace(/^\p{White_Space}+/u, "") : text;
  return sides.right ? left.replace(/\p{White_Space}+$/u, "") : left;
}
