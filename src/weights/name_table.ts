/** Two families of names for the parts of one model, as pairs from a file of specs/keys. */

/** Stands for a number in the pairs. */
const NUMBER = "{n}";

/** The pairs of a file of specs/keys: `[original, diffusers]`. */
export interface NameSpec {
  /** Names of modules or parameters; a name stands for all below it too. `{n}` is one number. */
  readonly names: readonly (readonly string[])[];
  /** Pairs for what follows such a name; what is not among them stays as it is. */
  readonly leaves?: readonly (readonly string[])[] | undefined;
}

/** Renames in both directions. */
export class NameTable {
  readonly #names: Directions;
  readonly #leaves: Directions;

  constructor(spec: NameSpec) {
    this.#names = directions(spec.names);
    this.#leaves = directions(spec.leaves ?? []);
  }

  /** The diffusers name of an original one, or of anything below it; undefined if the table does not have it. */
  toDiffusers(key: string): string | undefined {
    return rename(key, { names: this.#names.there, leaves: this.#leaves.there });
  }

  /** The inverse. */
  toOriginal(key: string): string | undefined {
    return rename(key, { names: this.#names.back, leaves: this.#leaves.back });
  }
}

interface Directions {
  readonly there: ReadonlyMap<string, string>;
  readonly back: ReadonlyMap<string, string>;
}

function directions(pairs: readonly (readonly string[])[]): Directions {
  return {
    there: new Map(pairs.map(([original = "", diffusers = ""]) => [original, diffusers])),
    back: new Map(pairs.map(([original = "", diffusers = ""]) => [diffusers, original])),
  };
}

function rename(key: string, options: Record<"names" | "leaves", ReadonlyMap<string, string>>): string | undefined {
  if (key.includes(NUMBER)) return undefined;
  const found = longest(key.split("."), options.names);
  if (found === undefined) return undefined;
  const leaf = longest(found.rest, options.leaves);
  const rest = leaf === undefined ? found.rest : [leaf.name, ...leaf.rest];
  return [found.name, ...rest].join(".");
}

/** The longest beginning, in whole segments, that the names have, and what follows it. */
function longest(
  segments: readonly string[],
  names: ReadonlyMap<string, string>,
): { name: string; rest: readonly string[] } | undefined {
  for (let length = segments.length; length > 0; length--) {
    const head = segments.slice(0, length), rest = segments.slice(length);
    const plain = names.get(head.join("."));
    if (plain !== undefined) return { name: plain, rest };
    for (const [i, number] of head.entries()) {
      const pattern = /^\d+$/.test(number) ? names.get(head.with(i, NUMBER).join(".")) : undefined;
      if (pattern !== undefined) return { name: pattern.replace(NUMBER, number), rest };
    }
  }
  return undefined;
}
