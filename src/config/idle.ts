/** Fields that count only beside certain values of another field. Set while they do not, they are refused rather than ignored. */

/** A field; where it stands; its value when nothing is said of it; and the field of the same section that decides. */
type Rule =
  & { readonly at: string; readonly usual?: unknown; readonly by: string }
  & (
    /** Values of that one beside which this counts; undefined: where it is left out. */
    | { readonly beside: readonly unknown[] }
    /** The value beside which it does not. */
    | { readonly unless: unknown }
  );

const RULES: readonly Rule[] = [
  { at: "optim.cycles", usual: 1, by: "schedule", beside: ["cosine-restarts"] },
  { at: "optim.power", usual: 1, by: "schedule", beside: ["polynomial"] },
  {
    at: "optim.minRate",
    usual: 0,
    by: "schedule",
    beside: ["linear", "cosine", "cosine-restarts", "polynomial", "rex", "inverse-sqrt"],
  },
  { at: "optim.learningRate", usual: "auto", by: "relativeStep", unless: true },
  { at: "optim.schedule", usual: "constant", by: "relativeStep", unless: true },
  { at: "optim.warmupSteps", usual: 50, by: "relativeStep", unless: true },
  { at: "optim.warmupInit", usual: false, by: "relativeStep", beside: [true] },
  { at: "optim.ema", by: "name", unless: "schedule-free" },
  { at: "train.timesteps.logitMean", usual: 0, by: "law", beside: ["logit-normal"] },
  { at: "train.timesteps.logitStd", usual: 1, by: "law", beside: ["logit-normal"] },
  { at: "train.timesteps.modeScale", usual: 1.29, by: "law", beside: ["mode"] },
  { at: "train.timesteps.resolutionShift", usual: [0.5, 1.15], by: "shift", beside: ["resolution"] },
  { at: "train.loss.delta", usual: 1, by: "kind", beside: ["huber", "pseudo-huber"] },
  { at: "method.initWord", by: "init", beside: [undefined] },
  { at: "sample.solverOrder", usual: 2, by: "solver", beside: ["unipc", "dpm++"] },
  { at: "sample.solverType", usual: "bh2", by: "solver", beside: ["unipc"] },
  { at: "sample.corrector", usual: true, by: "solver", beside: ["unipc"] },
  { at: "memory.blocks", usual: "auto", by: "plan", beside: ["auto"] },
  { at: "memory.weights", usual: "auto", by: "plan", beside: ["auto"] },
  { at: "memory.inputs", usual: "auto", by: "plan", beside: ["auto"] },
];

/** A field that would be ignored. */
export interface IdleField {
  readonly path: string[];
  /** What is allowed there, and when it would count. */
  readonly message: string;
}

/** The fields of a complete config that are set to something and do not count. */
export function idleFields(config: object): IdleField[] {
  return RULES.flatMap((rule) => {
    const { at, usual, by } = rule;
    const path = at.split("."), section = path.slice(0, -1), field = path.at(-1) ?? "";
    const values = section.reduce((here, key) => (here[key] ?? {}) as Values, config as Values);
    const isUsual = !(field in values) || JSON.stringify(values[field]) === JSON.stringify(usual);
    const counts = "beside" in rule ? rule.beside.includes(values[by]) : values[by] !== rule.unless;
    if (isUsual || counts) return [];
    const allowed = usual === undefined ? "nothing" : JSON.stringify(usual);
    const decides = [...section, by].join(".");
    const when = "beside" in rule
      ? `it counts only where ${decides} is ${rule.beside.map((value) => value ?? "left out").join(", ")}`
      : `it does not count where ${decides} is ${rule.unless}`;
    return [{ path, message: `${allowed} here: ${when}` }];
  });
}

type Values = Readonly<Record<string, unknown>>;
