/** Sections that are one of several choices, such as an optimizer: what of a lower layer counts when the choice changes. */

import { isObject, type Json, type JsonObject, merge } from "./layers.ts";
import { applyOverride } from "./overrides.ts";
import { sharedMethodFields } from "./sections/method.ts";
import { sharedOptimFields } from "./sections/optim.ts";

interface Choice {
  readonly section: string;
  /** The key whose word tells the choices apart, and the word that holds where it is absent. */
  readonly key: string;
  readonly usual: string;
  /** The fields that keep their meaning from one choice to another. */
  readonly shared: (from: string, to: string) => readonly string[];
}

const CHOICES: readonly Choice[] = [
  { section: "optim", key: "name", usual: "adamw", shared: sharedOptimFields },
  { section: "method", key: "kind", usual: "lora", shared: sharedMethodFields },
];

/** Where the sections stand: in the config itself, and in what each expert has of its own. */
const OWNERS: readonly (readonly string[])[] = [[], ["train", "experts", "high"], ["train", "experts", "low"]];

/**
 * Lays values over others. Beneath a section that makes another choice, what was set for the former choice holds no more:
 * rate and decay of another optimizer, say; the schedule and the like do.
 */
export function layOver(lower: JsonObject, upper: JsonObject): JsonObject {
  return merge(beneath(lower, upper), upper) as JsonObject;
}

/** A lower layer as it counts beneath an upper one: for the run, and for each expert, which has the run's choice or its own. */
export function beneath(lower: JsonObject, upper: JsonObject): JsonObject {
  const laid = merge(lower, upper);
  const places = CHOICES.flatMap((choice) => OWNERS.map((owner) => ({ choice, owner })));
  return places.reduce((values, { choice, owner }) => {
    const path = [...owner, choice.section], former = valueAt(lower, path);
    const [from, to] = [wordIn(lower, { choice, owner }), wordIn(laid, { choice, owner })];
    if (!isObject(former) || from === to) return values;
    const kept = Object.entries(former).filter(([field]) => choice.shared(from, to).includes(field));
    return applyOverride(values, { path, value: Object.fromEntries(kept) });
  }, lower);
}

/** Whether a path of the config makes a choice: then it comes before the fields of what is chosen. */
export function makesChoice(path: readonly string[]): boolean {
  return CHOICES.some(({ section, key }) =>
    OWNERS.some((owner) => {
      const [place, own = key, ...more] = [path.slice(0, owner.length + 1), ...path.slice(owner.length + 1)];
      return place.join() === [...owner, section].join() && own === key && more.length === 0;
    })
  );
}

/** The choice in force. */
function wordIn(values: Json, { choice, owner }: { choice: Choice; owner: readonly string[] }): string {
  const { section, key, usual } = choice;
  return String(valueAt(values, [...owner, section, key]) ?? valueAt(values, [section, key]) ?? usual);
}

function valueAt(values: Json | undefined, path: readonly string[]): Json | undefined {
  return path.reduce((here, key) => isObject(here) ? here[key] : undefined, values);
}
