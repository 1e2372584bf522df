/** Sections that are one of several choices, such as an optimizer: what of a lower layer counts when the choice changes. */

import { isObject, type JsonObject, merge } from "./layers.ts";
import { sharedMethodFields } from "./sections/method.ts";
import { SHARED_OPTIM_FIELDS } from "./sections/optim.ts";

interface Choice {
  readonly section: string;
  /** The key whose word tells the choices apart, and the word that holds where it is absent. */
  readonly key: string;
  readonly usual: string;
  /** The fields that keep their meaning from one choice to another. */
  readonly shared: (from: string, to: string) => readonly string[];
}

const CHOICES: readonly Choice[] = [
  { section: "optim", key: "name", usual: "adamw", shared: () => SHARED_OPTIM_FIELDS },
  { section: "method", key: "kind", usual: "lora", shared: sharedMethodFields },
];

/**
 * Lays values over others. Beneath a section that makes another choice, what was set for the former choice holds no more:
 * rate and decay of another optimizer, say; the schedule and the like do.
 */
export function layOver(lower: JsonObject, upper: JsonObject): JsonObject {
  return merge(beneath(lower, upper), upper) as JsonObject;
}

/** A lower layer as it counts beneath an upper one. */
export function beneath(lower: JsonObject, upper: JsonObject): JsonObject {
  return CHOICES.reduce((values, choice) => {
    const [former, now] = [values[choice.section], upper[choice.section]];
    if (!isObject(former) || !isObject(now) || now[choice.key] === undefined) return values;
    const [from, to] = [String(former[choice.key] ?? choice.usual), String(now[choice.key])];
    if (from === to) return values;
    const kept = Object.entries(former).filter(([field]) => choice.shared(from, to).includes(field));
    return { ...values, [choice.section]: Object.fromEntries(kept) as JsonObject };
  }, lower);
}

/** Whether a path of the config makes a choice: then it comes before the fields of what is chosen. */
export function makesChoice(path: readonly string[]): boolean {
  return CHOICES.some(({ section, key }) => path[0] === section && (path.length === 1 || path[1] === key));
}
