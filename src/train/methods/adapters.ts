/** Adapters in training: which layers get one, of which rank, fresh or from a file. */
import { ConfigError, namePattern, seedFor } from "../../base/mod.ts";
import type { MethodConfig } from "../../config/mod.ts";
import { TARGET_PRESETS } from "../../config/mod.ts";
import {
  type AdapterData,
  AdapterDropout,
  type AdapterModules,
  AdapterSet,
  type BlockWeights,
  capNorm,
  freshAdapter,
  type Linear,
} from "../../nn/mod.ts";
import { Generator, type Tensor, tidy } from "../../torch/mod.ts";
import type { Expert } from "../../wan/mod.ts";
import type { AdapterComponent } from "../../weights/mod.ts";
import { startingAdapters } from "./adapter_start.ts";

/** A method that trains adapters. */
export type AdapterMethod = Extract<MethodConfig, { kind: "lora" | "dora" | "lokr" }>;

/** Which layers are adapted, and how. */
export interface AdapterPlan {
  readonly method: AdapterMethod;
  /** What the layers belong to: by it a file to start from is read. */
  readonly component: AdapterComponent;
  readonly targets: readonly string[];
  readonly exclude: readonly string[];
  /** Rank and alpha of a layer, before rank-stabilisation. */
  readonly numbersOf: (path: string) => { readonly rank: number; readonly alpha: number };
  /** The seed for the i-th adapted layer. */
  readonly seedOf: (index: number) => bigint;
  /** Brings the weights of blocks where they come and go. */
  readonly weights?: BlockWeights | undefined;
  /** The config's field of the targets, for messages. */
  readonly field: string;
}

/** Adapters that are trained. Owns their tensors; disposing of it takes them off the model. */
export interface TrainedAdapters extends Disposable {
  /** By the path of their layer, with the alpha that files are to have. */
  readonly modules: AdapterModules;
  /** By name, `blocks.0.attn1.to_q.lora_A.weight`. */
  readonly params: ReadonlyMap<string, Tensor>;
  readonly dropout: AdapterDropout;
  /** Called behind each update: holds the adapters to the norm that the method allows. */
  afterStep(): void;
}

/** The adapters that a method trains on a transformer. @param options.expert its draws are its own */
export function transformerPlan(
  method: AdapterMethod,
  { seed, expert, weights }: { seed: number; expert: Expert; weights?: BlockWeights | undefined },
): AdapterPlan {
  const { rank, alpha, targets, exclude, layers } = method;
  const entries = layers.map((entry) => ({ ...entry, fits: namePattern(entry.match) }));
  const purpose = expert === "only" ? "lora" : `lora.${expert}`;
  return {
    ...{ method, exclude, weights },
    component: expert === "low" ? "transformer_2" : "transformer",
    targets: typeof targets === "string" ? TARGET_PRESETS[targets] : targets,
    numbersOf: (path) => {
      const own = entries.find(({ fits }) => fits(path));
      const ownRank = own?.rank ?? rank;
      return { rank: ownRank, alpha: own?.alpha ?? alpha ?? ownRank };
    },
    seedOf: (index) => seedFor(seed, purpose, index),
    field: "method.targets",
  };
}

/**
 * Hangs adapters on the layers that a plan chooses. Their tensors are float32 and want gradients.
 * @throws {ConfigError} if a pattern matches no layer
 * @throws {WeightsError} if the file to start from does not fit
 */
export function trainAdapters(linears: readonly Linear[], plan: AdapterPlan): TrainedAdapters {
  const { method } = plan;
  const chosen = chooseLayers(linears, plan);
  return tidy(() => {
    const fresh = chosen.map((layer, index) => [layer.path, freshOn(layer, { plan, index })] as const);
    const modules: AdapterModules = method.init === undefined
      ? new Map(fresh)
      : startingAdapters(new Map(fresh), { path: method.init, component: plan.component });
    const dropout = new AdapterDropout(method.dropout);
    const set = AdapterSet.apply(chosen, { modules, name: method.init ?? "of the run", dropout });
    const { params } = set;
    for (const param of params.values()) param.setRequiresGrad(true);
    const afterStep = (): void => {
      const { maxNorm } = method;
      if (maxNorm !== undefined) { for (const data of set.modules.values()) capNorm(data, maxNorm); }
    };
    return { modules: set.modules, params, dropout, afterStep, [Symbol.dispose]: () => set[Symbol.dispose]() };
  });
}

function freshOn(layer: Linear, { plan, index }: { plan: AdapterPlan; index: number }): AdapterData {
  const { method, numbersOf, seedOf, weights } = plan;
  const { rank, alpha } = numbersOf(layer.path);
  using generator = Generator.seeded(seedOf(index));
  const scaled = method.rankStabilized ? alpha * Math.sqrt(rank) : alpha; // alpha / √r = (alpha · √r) / r
  const factor = method.kind === "lokr" ? method.factor : undefined;
  const make = (): AdapterData => freshAdapter(layer, { kind: method.kind, rank, alpha: scaled, factor, generator });
  const block = /^blocks\.(\d+)\./.exec(layer.path)?.[1];
  if (method.kind !== "dora" || weights === undefined || block === undefined) return make();
  return weights.use(Number(block), { run: make });
}

/** The layers that match a target and no exclusion, in the model's order. */
function chooseLayers(linears: readonly Linear[], plan: AdapterPlan): Linear[] {
  const { targets, exclude, method: { layers }, field } = plan;
  const matches = (patterns: readonly string[]): (path: string) => boolean => {
    const fits = patterns.map(namePattern);
    return (path) => fits.some((fit) => fit(path));
  };
  const [wanted, unwanted] = [matches(targets), matches(exclude)];
  const targeted = linears.filter(({ path }) => wanted(path));
  const chosen = targeted.filter(({ path }) => !unwanted(path));
  refuseIdle(targets, { among: linears, field });
  refuseIdle(exclude, { among: targeted, field: "method.exclude" });
  if (plan.component !== "text_encoder") {
    refuseIdle(layers.map(({ match }) => match), { among: chosen, field: "method.layers" });
  }
  if (chosen.length === 0) throw new ConfigError(`Cannot train: ${field} leaves no layer to adapt.`);
  return chosen;
}

/** Refuses patterns that match no layer. */
function refuseIdle(
  patterns: readonly string[],
  { among, field }: { among: readonly Linear[]; field: string },
): void {
  const idle = patterns.filter((pattern) => !among.some(({ path }) => namePattern(pattern)(path)));
  if (idle.length === 0) return;
  const known = [...new Set(among.map(({ path }) => path.replace(/^(blocks|encoder\.block)\.\d+\./, "")))].join(", ");
  throw new ConfigError(`Cannot train ${idle.join(", ")}: no layer's name ends so.`, {
    cure: `Choose ${field} among the ends of ${known}.`,
  });
}
