/** What the files that training writes say about their making. */
import { basename, isAbsolute } from "node:path";
import { stableHash } from "../base/mod.ts";
import type { RunConfig } from "../config/mod.ts";
import { NUM_TRAIN_TIMESTEPS } from "../wan/mod.ts";
import { describeLora, type LoraFacts } from "../weights/mod.ts";
import { resolveRate } from "./optimizer.ts";
import type { Session } from "./setup.ts";
import type { Trainee } from "./trainee.ts";

/**
 * Header entries for a file.
 * @param options.of the experts that are in it
 * @param options.step steps of the run
 * @param options.folded whether a LoRA's scale is part of its factors
 * @param options.isWhole whether it is for every part of a model, and so not for one expert; false if absent
 */
export function describeTrained(
  session: Pick<Session, "config" | "trainees" | "variant">,
  { of, step, folded, isWhole = false }: {
    of: readonly Trainee[];
    step: number;
    folded: boolean;
    isWhole?: boolean;
  },
): Record<string, string> {
  const { config, variant } = session;
  const [first] = of;
  const own = first?.config ?? config;
  const alone = !isWhole && of.length === 1 && first !== undefined && first.expert !== "only" ? first : undefined;
  const shared = portable(config);
  const facts: LoraFacts = {
    title: config.name,
    architecture: variant,
    ...methodFacts(own),
    steps: step,
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

function methodFacts({ method }: RunConfig): Pick<LoraFacts, "rank" | "alpha" | "module"> {
  if (method.kind === "full") return { rank: 0, alpha: 0, module: "full" };
  if (method.kind === "embedding") return { rank: method.vectors, alpha: method.vectors, module: "embedding" };
  const { kind, rank, alpha = rank, rankStabilized } = method;
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
