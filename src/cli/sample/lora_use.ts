/** Where LoRA files go: which parts of a model each is for, by what was asked, what the file holds, and what it says of itself. */
import { ConfigError, WeightsError } from "../../base/mod.ts";
import { type AdapterComponent, AdapterFile, type ExpertMark, expertMark } from "../../weights/mod.ts";
import type { LoraChoice } from "./lora.ts";

/** A LoRA file and the parts of a model that it is for. */
export interface LoraUse {
  readonly path: string;
  /** Factor on top of alpha / rank. */
  readonly strength: number;
  readonly parts: readonly AdapterComponent[];
  /** `style.safetensors is an adapter for the high-noise expert: LoRA of 400 modules, rank 16, alpha 8` */
  readonly sentence: string;
  /** What is done although it is odd. */
  readonly warnings: readonly string[];
}

/** The model that files are for. */
interface Target {
  readonly title: string;
  /** How many transformers it has. */
  readonly experts: 1 | 2;
}

type NoiseExpert = ExpertMark["expert"];

const PARTS: Record<NoiseExpert, AdapterComponent> = { high: "transformer", low: "transformer_2" };
const EXPERTS: readonly NoiseExpert[] = ["high", "low"];

/**
 * Looks at LoRA files. Where none was asked for, a file that says which of two experts it is for goes to that one alone.
 * @throws {ConfigError} if a file is asked for an expert that it is not for, or that there is not
 * @throws {WeightsError} if a file is damaged, or has nothing for the model
 */
export function loraUses(choices: readonly LoraChoice[], target: Target): LoraUse[] {
  return choices.map((choice) => {
    using file = AdapterFile.open(choice.path);
    const named = file.components.filter((name) => name !== "text_encoder");
    const warnings = file.assumption === undefined ? [] : [`of ${file.path}: ${file.assumption}`];
    const mark = expertMark(file.path, file.metadata);
    const wanted = { choice, named, mark, warnings };
    const own = named.length === 0 ? [] : target.experts === 1 ? onlyPart(target, wanted) : expertParts(wanted);
    const parts = [...own, ...(named.length < file.components.length ? ["text_encoder" as const] : [])];
    const isByMark = choice.expert === undefined && named.every((name) => name !== "transformer_2") && own.length === 1;
    const reason = target.experts === 2 && isByMark && mark !== undefined ? ` alone, as its ${mark.by} says` : "";
    return { ...choice, parts, sentence: sentenceOf(file, { choice, parts, target, reason }), warnings };
  });
}

/** What is known when a file's transformers are chosen. */
interface Wanted {
  readonly choice: LoraChoice;
  /** The transformers that the file has something for; undefined for one that it does not name. */
  readonly named: readonly (AdapterComponent | undefined)[];
  readonly mark: ExpertMark | undefined;
  /** To be added to. */
  readonly warnings: string[];
}

/** Of a model with one transformer. */
function onlyPart({ title }: Target, { choice: { path, expert }, named, warnings }: Wanted): AdapterComponent[] {
  if (expert !== undefined) {
    throw new ConfigError(`Cannot give one expert of ${title} a LoRA: it has one transformer`, {
      cure: "name the file with --lora",
    });
  }
  if (!named.includes("transformer_2")) return ["transformer"];
  if (named.length > 1) {
    warnings.push(`of ${path} what is for the low-noise expert is left out: ${title} has one transformer`);
    return ["transformer"];
  }
  throw new WeightsError(`Cannot use the LoRA "${path}" with ${title}: it is for the low-noise expert of two`, {
    cure: "use it with a model of two experts",
  });
}

/** Of a model with two. */
function expertParts({ choice: { path, expert }, named, mark, warnings }: Wanted): AdapterComponent[] {
  const isLow = named.every((name) => name === "transformer_2"), isBoth = named.length > 1;
  if (expert === undefined) {
    const only = isBoth ? undefined : isLow ? "low" : mark?.expert;
    return only === undefined ? EXPERTS.map((each) => PARTS[each]) : [PARTS[only]];
  }
  const other = expert === "high" ? "low" : "high";
  const isOthers = expert === "high" && isLow;
  if (isOthers || (!isBoth && mark?.by === "header" && mark.expert === other)) {
    const source = isOthers ? "its tensors' names" : "its header";
    throw new ConfigError(
      `Cannot use the LoRA "${path}" for the ${expert}-noise expert: by ${source} it is for the ${other}-noise one`,
      { cure: `name it with --${other}-lora, or with --lora` },
    );
  }
  if (!isBoth && mark?.by === "name" && mark.expert === other) {
    warnings.push(
      `${path} is used for the ${expert}-noise expert, and its name says that it is for the ${other}-noise one`,
    );
  }
  return [PARTS[expert]];
}

function sentenceOf(
  file: AdapterFile,
  { choice, parts, target, reason }: {
    choice: LoraChoice;
    parts: readonly AdapterComponent[];
    target: Target;
    reason: string;
  },
): string {
  const sources = Map.groupBy(parts, (part) => file.componentFor(part));
  const groups = [...sources].map(([source, takers]) => {
    const kinds = [...file.kinds(source)].map(([kind, count]) =>
      `${kind} of ${count} ${count === 1 ? "module" : "modules"}`
    );
    const { ranks, alphas } = file.numbers(source);
    const numbers = ranks.length === 0 ? "" : `, rank ${spanText(ranks)}, alpha ${spanText(alphas)}`;
    return `for ${whose(takers, target)}: ${kinds.join(" and ")}${numbers}`;
  });
  const strength = choice.strength === 1 ? "" : `; strength ${choice.strength}`;
  const [first = "", ...others] = groups;
  return `${file.path} is an adapter ${[first.replace(":", `${reason}:`), ...others].join("; ")}${strength}`;
}

function whose(parts: readonly AdapterComponent[], { experts }: Target): string {
  if (parts.includes("text_encoder")) return "the text encoder";
  if (experts === 1) return "the transformer";
  if (parts.length === 2) return "both experts";
  return parts.includes("transformer_2") ? "the low-noise expert" : "the high-noise expert";
}

/** `16`, or `4 to 16`. */
function spanText(values: readonly number[]): string {
  const text = (value: number | undefined): string => String(Number((value ?? 0).toPrecision(4)));
  return values.length === 1 ? text(values[0]) : `${text(values[0])} to ${text(values.at(-1))}`;
}
