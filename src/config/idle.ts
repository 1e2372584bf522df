/** Fields that count beside certain values of another field alone. Set while they do not, they are refused rather than ignored. */

interface Rule {
  /** Where the field is. */
  readonly at: string;
  /** Its value when nothing is said of it. */
  readonly usual?: unknown;
  /** The field of the same section that decides. */
  readonly by: string;
  /** Values of that one beside which this counts; undefined: where it is left out. */
  readonly beside: readonly unknown[];
}

const RULES: readonly Rule[] = [
  { at: "optim.cycles", usual: 1, by: "schedule", beside: ["cosine-restarts"] },
  { at: "optim.power", usual: 1, by: "schedule", beside: ["polynomial"] },
  {
    at: "optim.minRate",
    usual: 0,
    by: "schedule",
    beside: ["linear", "cosine", "cosine-restarts", "polynomial", "rex", "inverse-sqrt"],
  },
  { at: "optim.warmupInit", usual: false, by: "relativeStep", beside: [true] },
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
  return RULES.flatMap(({ at, usual, by, beside }) => {
    const path = at.split("."), section = path.slice(0, -1), field = path.at(-1) ?? "";
    const values = section.reduce((here, key) => (here[key] ?? {}) as Values, config as Values);
    const isUsual = !(field in values) || JSON.stringify(values[field]) === JSON.stringify(usual);
    if (isUsual || beside.includes(values[by])) return [];
    const allowed = usual === undefined ? "nothing" : JSON.stringify(usual);
    const when = beside.map((value) => value === undefined ? "left out" : String(value)).join(", ");
    return [{ path, message: `${allowed} here: it counts only where ${[...section, by].join(".")} is ${when}` }];
  });
}

type Values = Readonly<Record<string, unknown>>;
