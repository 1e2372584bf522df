/** A run that goes on with other settings: what changed, what follows from it, and what cannot change. */
import { RunError } from "../base/mod.ts";
import { configDifferences, type Difference, expertConfig, type RunConfig } from "../config/mod.ts";

/** One setting that is another than before. */
export interface Change extends Difference {
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
  { at: "method.init", effect: "it says how training begins; what was trained since then stays" },
  { at: "method.initWord", effect: "it says how training begins; what was trained since then stays" },
  { at: "optim", effect: "what the optimizer remembers of earlier gradients stays" },
  { at: "validation", effect: "the best so far is compared with what is measured in the new way" },
];

/** What is laid down in a run's tensors, and why it cannot change. The first that fits counts. */
const FIXED: readonly {
  readonly at: string;
  readonly why: string;
  /** Which changes of it are meant; all if absent */
  readonly meant?: (change: Difference) => boolean;
}[] = [
  {
    at: "model.variant",
    why: "what was trained so far is for the old one",
    meant: ({ from, to }) => from !== "auto" && to !== "auto",
  },
  { at: "model.experts", why: "what was trained so far is that of the old ones" },
  { at: "method.alpha", why: "what was trained so far counts by the old scale" },
  { at: "method.rankStabilized", why: "what was trained so far counts by the old scale" },
  { at: "method.token", why: "what was trained so far is the old word" },
  { at: "method", why: "what was trained so far has the shape of the old setting" },
  { at: "optim.name", why: "each optimizer remembers other things of earlier gradients" },
  { at: "optim.groups", why: "what is remembered of earlier gradients lies in the order of the groups" },
  { at: "optim.decayAll", why: "what is remembered of earlier gradients lies by whether it decays" },
  { at: "optim.momentum", why: "without one nothing is remembered of earlier gradients", meant: turnsOnOrOff },
  { at: "optim.beta1", why: "without it nothing is remembered of earlier gradients", meant: turnsOnOrOff },
  {
    at: "optim.ema",
    why: "an average is made from the first step on",
    meant: ({ path }) => path.endsWith("optim.ema"),
  },
];

/** Settings of the method that lay nothing down: they are about the steps to come, or about the start alone. */
const FREE = ["method.dropout", "method.maxNorm", "method.init", "method.initWord"];

function turnsOnOrOff({ from, to }: Difference): boolean {
  return [from, to].some((value) => value === 0 || value === null);
}

/** Places that do not describe the training: the run stays in its folder. */
const IGNORED = ["runsDir", "version"];

/**
 * What differs between two configs of one run.
 * @throws {RunError} naming what cannot change
 */
export function configChanges(before: RunConfig, after: RunConfig): Change[] {
  const changes = configDifferences(before, after).filter(({ path }) => !IGNORED.some((at) => isAt(path, at)));
  const refused = [...changes, ...changesOfExperts(before, after)].flatMap((change) => {
    const path = change.path.replace(EXPERT, "");
    if (FREE.includes(path)) return [];
    const rule = FIXED.find(({ at, meant = () => true }) => isAt(path, at) && meant(change));
    return rule === undefined ? [] : [`${describeChange(change)}: ${rule.why}`];
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

/** Sections by which the tensors are that a run trains and remembers. */
const SHAPING = ["model", "method", "optim", "train.experts"];

/** Of changes those that may lead to other tensors, in words. */
export function shapingChanges(changes: readonly Difference[]): string[] {
  return changes.filter(({ path }) => SHAPING.some((at) => isAt(path, at))).map(describeChange);
}

const EXPERT = /^train\.experts\.(high|low)\./;

/** What changes for an expert that has something of its own, whichever section says so. */
function changesOfExperts(before: RunConfig, after: RunConfig): Difference[] {
  return (["high", "low"] as const).flatMap((expert) => {
    if (before.train.experts?.[expert] === undefined && after.train.experts?.[expert] === undefined) return [];
    const [from, to] = [before, after].map((config) => {
      const { method, optim } = expertConfig(config, expert);
      return { method, optim };
    });
    return configDifferences(from, to, `train.experts.${expert}`);
  });
}

function isAt(path: string, place: string): boolean {
  return path === place || path.startsWith(`${place}.`);
}

function describeChange({ path, from, to }: Difference): string {
  return `${path} from ${show(from)} to ${show(to)}`;
}

function show(value: unknown): string {
  return value === undefined ? "nothing" : JSON.stringify(value);
}
