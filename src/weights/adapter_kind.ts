/** What kind of adapter a module has, and whether its tensors are those of one. */

import { groupNames, messageOf, WeightsError } from "../base/mod.ts";
import { type AdapterEntries, adapterEntries, type AdapterEntry, adapterRefusal as refuse } from "./adapter_entries.ts";
import { shown } from "./header.ts";
import type { KeyKind, KeyPart } from "./lora_keys.ts";
import type { Weights } from "./weights.ts";

/** A file as far as shapes go. */
interface Shaped {
  readonly path: string;
  readonly shapeOf: (name: string) => readonly number[];
}

type Names = ReadonlyMap<KeyPart, string>;

/** Kinds in messages. */
export const KIND_TITLES: Record<KeyKind, string> = { lora: "LoRA", lokr: "LoKr", loha: "LoHa", diff: "differences" };
/** Tensors that a kind cannot do without; LoKr's are checked on their own. */
const NEEDED: Record<KeyKind, readonly KeyPart[]> = {
  lora: ["down", "up"],
  lokr: [],
  loha: ["w1_a", "w1_b", "w2_a", "w2_b"],
  diff: [],
};

/**
 * The kind of a module's adapter. A difference of the bias goes with any.
 * @throws {WeightsError} if something is missing, too much, or of the wrong shape
 */
export function adapterKind(module: string, { names, kinds }: AdapterEntry, file: Shaped): KeyKind {
  const main = [...kinds].filter((kind) => kind !== "diff" || names.has("weight"));
  const kind = main[0] ?? (names.has("bias") ? "diff" : undefined);
  const has = [...names.keys()].join(" and ");
  if (main.length > 1) {
    throw refuse(
      file.path,
      `${module} has ${main.map((one) => KIND_TITLES[one]).join(" and ")} at once`,
    );
  }
  if (kind === undefined) throw refuse(file.path, `${module} has ${has} only`);
  if (names.has("t1") || names.has("t2")) {
    throw refuse(file.path, `the ${KIND_TITLES[kind]} of ${module} is of Tucker form, which is not read`);
  }
  const missing = NEEDED[kind].filter((part) => !names.has(part));
  if (missing.length > 0) {
    throw refuse(file.path, `${module} has ${has} only, a ${KIND_TITLES[kind]} needs ${missing.join(" and ")} too`);
  }
  if (kind === "lokr") checkLokr(module, { names, file });
  if (kind === "lora" || kind === "loha") checkFactors(module, { kind, names, file });
  return kind;
}

/** What keeps weights from being read as adapters, a sentence each, those of like modules joined. Nothing is loaded. */
export function adapterProblems(weights: Weights, path: string): string[] {
  const problems: string[] = [];
  const note = <T>(check: () => T): T | undefined => {
    try {
      return check();
    } catch (error) {
      if (!(error instanceof WeightsError)) throw error;
      problems.push(messageOf(error).slice(refuse(path, "").message.length));
      return undefined;
    }
  };
  const models: AdapterEntries = note(() => adapterEntries(weights, path)) ?? new Map();
  const file = { path, shapeOf: (name: string) => weights.shapeOf(name) };
  for (const modules of models.values()) {
    for (const [module, entry] of modules) note(() => adapterKind(module, entry, file));
  }
  return groupNames(problems).map(({ text, count }) => count === 1 ? text : `${text} (${count} modules)`);
}

function checkLokr(module: string, { names, file }: { names: Names; file: Shaped }): void {
  for (const factor of ["w1", "w2"] as const) {
    const [whole, a, b] = [names.get(factor), names.get(`${factor}_a`), names.get(`${factor}_b`)];
    const fits = whole !== undefined
      ? a === undefined && b === undefined && file.shapeOf(whole).length === 2
      : a !== undefined && b !== undefined && multiply(a, b, file);
    if (!fits) {
      throw refuse(file.path, `the LoKr of ${module} has no ${factor}: it must be one matrix or the product of two`);
    }
  }
}

function checkFactors(
  module: string,
  { kind, names, file }: { kind: "lora" | "loha"; names: Names; file: Shaped },
): void {
  const pairs: [KeyPart, KeyPart][] = kind === "lora" ? [["up", "down"]] : [["w1_a", "w1_b"], ["w2_a", "w2_b"]];
  for (const [left, right] of pairs) {
    const [first = "", second = ""] = [names.get(left), names.get(right)];
    if (multiply(first, second, file) || (kind === "lora" && makeKernel(first, second, file))) continue;
    throw refuse(
      file.path,
      `the ${KIND_TITLES[kind]} factors of ${module} are ${shown(file.shapeOf(second))} and ${
        shown(file.shapeOf(first))
      }, ` +
        "they must be [r, in] and [out, r]",
    );
  }
}

/** Whether two matrices [m, r] and [r, n] can be multiplied. */
function multiply(left: string, right: string, { shapeOf }: Shaped): boolean {
  const [a, b] = [shapeOf(left), shapeOf(right)];
  return a.length === 2 && b.length === 2 && a[1] === b[0] && a[1] !== 0;
}

/** Whether two factors [out, r, 1, …] and [r, in, …] are those of a kernel over frames, rows and columns. */
function makeKernel(left: string, right: string, { shapeOf }: Shaped): boolean {
  const [a, b] = [shapeOf(left), shapeOf(right)];
  const [rank = 0] = b;
  return b.length === 5 && a.length >= 2 && a[1] === rank && rank !== 0 && a.slice(2).every((size) => size === 1);
}
