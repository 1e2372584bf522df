/** Whole training steps of a synthetic model in turns with eager PyTorch: same weights, data, precision and memory plan. */
import { NAMED_SIZES, type StepShape } from "../../src/cli/bench/shape.ts";
import { StepBench } from "../../src/cli/bench/steps.ts";
import { filledTensors } from "../../src/cli/bench/synthetic.ts";
import type { Device } from "../../src/torch/mod.ts";
import { keepsFloat32 } from "../../src/wan/mod.ts";
import { type Compared, median } from "./measure.ts";
import type { PythonTorch } from "./python.ts";

/** How far losses may differ, relative: bfloat16 has three digits, and a step moves on from them. */
const TOLERANCE = { float32: 1e-3, bfloat16: 3e-2 };

/** The shapes that are compared: sizes by name, each with every choice of the others. */
export function stepShapes(
  sizes: readonly string[],
  choices: {
    dtypes: readonly StepShape["dtype"][];
    methods: readonly StepShape["method"][];
    recompute: readonly boolean[];
  },
): StepShape[] {
  return sizes.flatMap((size) =>
    choices.dtypes.flatMap((dtype) =>
      choices.methods.flatMap((method) =>
        choices.recompute.map((recompute): StepShape => {
          const numbers = NAMED_SIZES[size];
          if (numbers === undefined) throw new RangeError(`no size ${size}`);
          return { ...numbers, dtype, method, recompute, rank: 32 };
        })
      )
    )
  );
}

/**
 * Takes `rounds` steps on each side in turns, after one on each that does not count.
 * @param options.cpuTime compares processor time, which other programs disturb less; with one thread it is the work alone
 * @throws {Error} if the losses differ. Where bfloat16 weights are trained only the first is compared: PyTorch rounds them to
 *   the nearest, and small updates are lost
 */
export async function compareSteps(
  shape: StepShape,
  { rounds, python, device, cpuTime }: {
    rounds: number;
    python: PythonTorch | undefined;
    device: Device;
    cpuTime: boolean;
  },
): Promise<Compared> {
  using bench = new StepBench(shape, { device, steps: rounds + 1 });
  const tensors = filledTensors(shape).map((tensor) => {
    const whole = keepsFloat32(tensor.name) || tensor.name.includes(".lora_");
    return { ...tensor, dtype: whole ? "float32" : shape.dtype };
  });
  const ours: number[] = [], theirs: number[] = [], ratios: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const draws = [bench.nextDraw];
    const step = bench.run();
    const other = await python?.ask({ what: "step", count: 1, shape: { ...shape, tensors }, draws });
    const loss = other?.check?.[0];
    const comparable = round === 0 || shape.dtype === "float32" || shape.method === "lora";
    if (loss !== undefined && comparable && !(Math.abs(step.loss / loss - 1) < TOLERANCE[shape.dtype])) {
      throw new Error(`step ${round + 1}: the loss is ${step.loss} here and ${loss} in Python`);
    }
    if (round === 0) continue;
    const own = cpuTime ? step.cpuSeconds : step.seconds;
    ours.push(own);
    if (other === undefined) continue;
    const reference = (cpuTime ? other.cpuSeconds : undefined) ?? other.seconds;
    theirs.push(reference);
    ratios.push(own / reference);
  }
  return {
    ours: median(ours),
    theirs: theirs.length === 0 ? undefined : median(theirs),
    ratio: ratios.length === 0 ? undefined : median(ratios),
  };
}
