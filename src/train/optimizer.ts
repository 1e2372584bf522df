/** From section `optim` to the optimizer of one expert, its learning rate, and the average of its weights. */
import { ConfigError, listNames, seedFor } from "../base/mod.ts";
import type { OptimConfig, SettledConfig } from "../config/mod.ts";
import {
  adafactor,
  adagrad,
  AdamW,
  adamwByTensor,
  fairseqAdafactor,
  learningRateAt,
  lion,
  muon,
  MUON_COEFFICIENTS,
  nadam,
  type Optimizer,
  type OptimizerPart,
  PartedOptimizer,
  prodigy,
  radam,
  relativeRate,
  rmsprop,
  type Rounding,
  scheduleFree,
  type ScheduleKind,
  sgd,
} from "../optim/mod.ts";
import type { Tensor } from "../torch/mod.ts";

/** Rates that AdamW usually takes, by the method; adapters take the last. Published: wan22-spec, section 6.6. */
const METHOD_RATES: Readonly<Record<string, number>> = { full: 1e-5, embedding: 5e-3, adapter: 1e-4 };

/** How an optimizer's usual rate stands to AdamW's. From their papers, rounded. */
const RATE_FACTORS: Readonly<Partial<Record<OptimConfig["name"], number>>> = {
  lion: 0.2,
  "schedule-free": 2,
  adagrad: 10,
  "adafactor-torch": 100, // steps are relative to the size of a tensor
  sgd: 1000, // steps are as large as the gradient, whose norm is clipped to 1
};

/** The learning rate after the warm-up: what the config says, or the optimizer's usual one for the method. */
export function resolveRate({ optim, method }: Pick<SettledConfig, "optim" | "method">): number {
  if (optim.learningRate !== "auto") return optim.learningRate;
  const usual = METHOD_RATES[method.kind] ?? METHOD_RATES.adapter ?? NaN;
  return usual * (RATE_FACTORS[optim.name] ?? 1);
}

const SCHEDULES: Readonly<Record<OptimConfig["schedule"], ScheduleKind>> = {
  constant: "constant_with_warmup",
  linear: "linear",
  cosine: "cosine",
  "cosine-restarts": "cosine_with_restarts",
  polynomial: "polynomial",
  rex: "rex",
  "inverse-sqrt": "inverse_sqrt",
};

/** The learning rate of an expert's step, counted from 0: that of the schedule, or Adafactor's own. */
export function scheduledRate(step: number, config: SettledConfig): number {
  const { optim } = config;
  if (optim.name === "adafactor" && optim.relativeStep) return relativeRate(step + 1, optim);
  const { schedule, warmupSteps, minRate, cycles, power } = optim;
  return learningRateAt(step, {
    kind: SCHEDULES[schedule],
    learningRate: resolveRate(config),
    warmupSteps,
    totalSteps: config.train.steps,
    numCycles: cycles,
    power,
    minRate,
  });
}

/** What decides how a parameter is updated; parameters that agree in it share a part of the optimizer. */
interface Treatment {
  readonly rateFactor: number;
  readonly weightDecay: number;
  /** Updated by Muon. */
  readonly byMuon: boolean;
}

/** What is exempt from decay unless `decayAll`: it sets scales and offsets, which have no reason to be near zero. */
const EXEMPT = /(^|[._])(bias|norm\w*|scale_shift_table|magnitude\w*)([._]|$)/;

/** How a parameter is treated, by its name and shape. */
export function treatmentOf(name: string, options: { shape: readonly number[]; optim: OptimConfig }): Treatment {
  const { shape, optim } = options;
  const group = optim.groups.find(({ match }) => matches(name, match));
  const exempt = !optim.decayAll && (shape.length < 2 || EXEMPT.test(name));
  return {
    rateFactor: group?.rateFactor ?? 1,
    weightDecay: exempt ? 0 : optim.weightDecay * (group?.decayFactor ?? 1),
    byMuon: optim.name === "muon" && shape.length === 2,
  };
}

/** Whether a whole name fits a pattern in which * stands for any characters. */
function matches(name: string, pattern: string): boolean {
  const source = pattern.split("*").map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&")).join(".*");
  return new RegExp(`^${source}$`).test(name);
}

/** Refuses groups that no trained tensor is in. @param names of what is trained @throws {ConfigError} */
export function checkGroups(names: Iterable<string>, { groups }: OptimConfig): void {
  const all = [...names];
  const idle = groups.filter((group) =>
    !all.some((name) => groups.find(({ match }) => matches(name, match)) === group)
  );
  if (idle.length === 0) return;
  throw new ConfigError(
    `Cannot use optim.groups: no trained tensor is in the group of ${idle.map(({ match }) => match).join(", ")}.`,
    {
      cure: `a group matches whole names, and a tensor is in the first that it matches; trained are ${
        listNames(all, { limit: 12 })
      }`,
    },
  );
}

/**
 * The optimizer of an expert.
 * @param params what it updates, by name
 * @param options.seed the run's, from which the rounding of bfloat16 parameters follows
 * @param options.expert keeps the draws of two experts apart
 */
export function makeOptimizer(
  params: ReadonlyMap<string, Tensor>,
  options: { optim: OptimConfig; seed: number; expert: string },
): Optimizer {
  const { optim, seed, expert } = options;
  const tensors = [...params.values()];
  const parts = new Map<string, { treatment: Treatment; places: number[] }>();
  [...params].forEach(([name, { shape }], place) => {
    const treatment = treatmentOf(name, { shape, optim });
    const key = JSON.stringify(treatment);
    const part = parts.get(key);
    if (part === undefined) parts.set(key, { treatment, places: [place] });
    else part.places.push(place);
  });
  using undo = new DisposableStack();
  const made = [...parts.values()].map(({ treatment, places }, part): OptimizerPart => {
    const rounding: Rounding = optim.rounding === "stochastic"
      ? { kind: "stochastic", seedOf: (step, i) => seedFor(seed, `rounding.${expert}`, part, step, i) }
      : { kind: optim.rounding };
    const own = places.map((place) => tensors[place] as Tensor);
    const optimizer = undo.use(makePart(own, { optim, treatment, rounding }));
    return { name: `part${part}`, places, optimizer, rateFactor: treatment.rateFactor };
  });
  undo.move();
  const [only] = made;
  return made.length === 1 && only?.rateFactor === 1 ? only.optimizer : new PartedOptimizer(made);
}

/** The optimizer of parameters that are treated alike. */
function makePart(
  params: readonly Tensor[],
  options: { optim: OptimConfig; treatment: Treatment; rounding: Rounding },
): Optimizer {
  const { optim, rounding, treatment: { weightDecay, byMuon } } = options;
  const settings = { ...optim, weightDecay, rounding };
  switch (settings.name) {
    case "adamw":
      return adamw(params, settings);
    case "adam":
      return adamw(params, { ...settings, decay: "gradient" });
    case "adamw-8bit":
      return adamwByTensor(params, { ...settings, state: "8-bit" });
    case "radam":
      return radam(params, { ...settings, decoupledWeightDecay: true });
    case "nadam":
      return nadam(params, { ...settings, decoupledWeightDecay: true });
    case "schedule-free":
      return scheduleFree(params, settings);
    case "adafactor":
      return fairseqAdafactor(params, { ...settings, decayRate: settings.decayPower });
    case "adafactor-torch":
      return adafactor(params, { ...settings, beta2Decay: settings.decayPower, eps: [null, settings.minSize] });
    case "lion":
      return lion(params, settings);
    case "prodigy":
      return prodigy(params, settings);
    case "muon":
      if (!byMuon) return adamw(params, settings);
      return muon(params, { ...settings, coefficients: MUON_COEFFICIENTS, eps: 1e-7 });
    case "sgd":
      return sgd(params, settings);
    case "adagrad":
      return adagrad(params, settings);
    case "rmsprop":
      return rmsprop(params, settings);
  }
}

/** The fused operator where all is float32; else tensor by tensor, with float32 averages and the rounding asked for. */
function adamw(params: readonly Tensor[], options: Parameters<typeof adamwByTensor>[1]): Optimizer {
  const fused = params.every(({ dtype }) => dtype === "float32");
  return fused ? new AdamW(params, options) : adamwByTensor(params, options);
}
