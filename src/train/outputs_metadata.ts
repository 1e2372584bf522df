/** What the files that training writes say about their making. */
import { basename, isAbsolute } from "node:path";
import { stableHash } from "../base/mod.ts";
import type { RunConfig } from "../config/mod.ts";
import { NUM_TRAIN_TIMESTEPS } from "../wan/mod.ts";
import { describeLora, type LoraFacts } from "../weights/mod.ts";
import type { StepsTaken } from "./journal.ts";
import type { TrainedWord } from "./methods/embedding.ts";
import { resolveRate } from "./optimizer.ts";
import type { Session } from "./setup.ts";
import type { Trainee } from "./trainee.ts";

/** What of a new word is told. */
type Word = Pick<TrainedWord, "numVectors">;

/**
 * Header entries for a file.
 * @param options.of the experts that are in it
 * @param options.taken the steps that each expert has taken
 * @param options.folded whether a LoRA's scale is part of its factors
 * @param options.isWhole whether it is for every part of a model, and so not for one expert; false if absent
 * @param options.isText whether the text encoder's adapters alone are in it; false if absent
 */
export function describeTrained(
  session: Pick<Session, "config" | "variant"> & { readonly text?: { readonly word: Word | undefined } | undefined },
  { of, taken, folded, isWhole = false, isText = false }: {
    of: readonly Trainee[];
    taken: StepsTaken;
    folded: boolean;
    isWhole?: boolean;
    isText?: boolean;
  },
): Record<string, string> {
  const { config, text, variant } = session;
  const [first] = of;
  const own = first?.config ?? config;
  const alone = !isWhole && of.length === 1 && first !== undefined && first.expert !== "only" ? first : undefined;
  const shared = portable(config);
  const facts: LoraFacts = {
    title: config.name,
    architecture: variant,
    ...methodFacts(own, { word: text?.word, isText }),
    steps: of.reduce((sum, { expert }) => sum + (taken[expert] ?? 0), 0),
    seed: config.train.seed,
    learningRate: resolveRate(own),
    optimizer: own.optim.name,
    batchSize: config.train.batchSize * config.train.gradientAccumulation,
    expert: alone?.expert === "only" ? undefined : alone?.expert,
    timestepRange: alone && [alone.range[0] * NUM_TRAIN_TIMESTEPS, alone.range[1] * NUM_TRAIN_TIMESTEPS],
    config: shared,
    configHash: stableHash(shared),
  };
  return describeLora(facts, { folded });
}

function methodFacts(
  { method }: RunConfig,
  { word, isText }: { word: Word | undefined; isText: boolean },
): Pick<LoraFacts, "rank" | "alpha" | "module"> {
  if (method.kind === "full") return { rank: 0, alpha: 0, module: "full" };
  if (method.kind === "embedding") {
    const { numVectors } = word ?? { numVectors: method.vectors };
    return { rank: numVectors, alpha: numVectors, module: "embedding" };
  }
  const { kind, rankStabilized, textEncoder } = method;
  const { rank, alpha = rank } = isText && textEncoder !== undefined ? textEncoder : method;
  return { rank, alpha: rankStabilized ? alpha * Math.sqrt(rank) : alpha, module: kind };
}

/** The config as it may be shown to others: of paths, which tell about a machine and its user, the last part alone. */
function portable({ runsDir: _, ...config }: RunConfig): unknown {
  const shown = (value: unknown): unknown => {
    if (typeof value === "string") return isAbsolute(value) ? basename(value) : value;
    if (Array.isArray(value)) return value.map(shown);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shown(inner)]));
  };
  return shown(config);
}
