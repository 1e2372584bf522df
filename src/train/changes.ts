/** A run that goes on with other settings: what changed, what follows from it, and what cannot change. */
import { canonicalJson, RunError } from "../base/mod.ts";
import type { RunConfig } from "../config/mod.ts";

/** One setting that is another than before; absent values were or are not set. */
export interface Change {
  /** Dotted path in the config */
  readonly path: string;
  readonly from?: unknown;
  readonly to?: unknown;
  /** What follows from it, in words */
  readonly effect: string;
}

/** What follows from a change at a path or below it. The first that fits counts. */
const EFFECTS: readonly { readonly at: string; readonly effect: string }[] = [
  { at: "name", effect: "the files that come out are called by the new name" },
  { at: "model.weights", effect: "the model must be the same one; only the shapes of its tensors are compared" },
  { at: "data", effect: "the clips of the steps to come are those that the new settings give" },
  { at: "train.steps", effect: "the run ends there; a schedule runs as if it had been so from the start" },
  { at: "train.epochs", effect: "the run ends there; a schedule runs as if it had been so from the start" },
  { at: "train.batchSize", effect: "the place in the data is counted in batches of the new size" },
  { at: "train.gradientAccumulation", effect: "the place in the data is counted in steps of the new size" },
  { at: "train.seed", effect: "order, noise and noise levels of the steps to come are drawn anew" },
  { at: "optim", effect: "what the optimizer remembers of earlier gradients stays" },
  { at: "validation", effect: "the best so far is compared with what is measured in the new way" },
];

/** What is laid down in a run's tensors, and why it cannot change. */
const FIXED: readonly { readonly at: string; readonly why: string }[] = [
  { at: "method", why: "what was trained so far has the shape of the old setting" },
  { at: "optim.name", why: "each optimizer remembers other things of earlier gradients" },
];

/** Places that do not describe the training: the run stays in its folder. */
const IGNORED = ["runsDir", "version"];

/**
 * What differs between two configs of one run.
 * @throws {RunError} naming what cannot change
 */
export function configChanges(before: RunConfig, after: RunConfig): Change[] {
  const changes = differences(before, after, "").filter(({ path }) => !IGNORED.some((at) => isAt(path, at)));
  const refused = changes.flatMap((change) => {
    const rule = FIXED.find(({ at }) => isAt(change.path, at));
    return rule === undefined ? [] : [`${change.path} from ${show(change.from)} to ${show(change.to)}: ${rule.why}`];
  });
  if (refused.length > 0) {
    throw new RunError(`Cannot go on with other settings: a run cannot change ${refused.join("; ")}.`, {
      cure: "start a new run with the changed config, or take these changes back",
    });
  }
  return changes.map((change) => ({
    ...change,
    effect: EFFECTS.find(({ at }) => isAt(change.path, at))?.effect ?? "it holds for the steps to come",
  }));
}

/** The values that differ, by path; lists are compared as a whole. */
function differences(before: unknown, after: unknown, path: string): Omit<Change, "effect">[] {
  if (isRecord(before) && isRecord(after)) {
    return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((key) =>
      differences(before[key], after[key], path === "" ? key : `${path}.${key}`)
    );
  }
  if (
    before === after || (before !== undefined && after !== undefined && canonicalJson(before) === canonicalJson(after))
  ) {
    return [];
  }
  return [{ path, ...(before === undefined ? {} : { from: before }), ...(after === undefined ? {} : { to: after }) }];
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isAt(path: string, place: string): boolean {
  return path === place || path.startsWith(`${place}.`);
}

function show(value: unknown): string {
  return value === undefined ? "nothing" : JSON.stringify(value);
}
