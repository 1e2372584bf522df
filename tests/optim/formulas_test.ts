// Optimizers for which no library gives golden numbers: each against its paper's formula, written out here in plain
// float64 numbers, over 50 steps. The optimizer runs on float64 tensors, so that nothing but the order of sums differs.
import assert from "node:assert/strict";
import { random } from "../../src/base/mod.ts";
import { adamwByTensor, lion, type Optimizer, prodigy, scheduleFree } from "../../src/optim/mod.ts";
import { type Tensor, tensor } from "../../src/torch/mod.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

const STEPS = 50;
const SHAPES = [[3, 4], [5]] as const;

/** Parameters as flat lists. */
type Values = number[][];
/** A formula: made for the start values, it updates them in place, step after step. */
type Formula = (values: Values) => (gradients: Values, step: number, rate: number) => void;

/** Uniform in ±1, one list for each shape. */
function drawn(seed: number): Values {
  const source = random(seed);
  return SHAPES.map((shape) =>
    Array.from({ length: shape.reduce<number>((a, b) => a * b, 1) }, () => 2 * source.next() - 1)
  );
}

/** A gradient that pulls towards zero and shakes. */
function gradientsAt(step: number, values: Values): Values {
  return drawn(1000 + step).map((list, i) => list.map((noise, j) => 0.5 * noise + (values[i]?.[j] ?? NaN)));
}

/** Rises over five steps, so that rates other than the full one are seen, the first being 0. */
const rateAt = (step: number, rate: number): number => rate * Math.min(1, step / 5);

/** The largest difference between an optimizer's parameters and a formula's, over all steps. */
function difference(
  make: (params: readonly Tensor[]) => Optimizer,
  options: { formula: Formula; rate: number; dtype?: "float32" | "float64"; atEnd?: (optimizer: Optimizer) => void },
): number {
  const { formula, rate, dtype = "float64" } = options;
  const values = drawn(7);
  const params = values.map((list, i) => tensor(list, { shape: SHAPES[i] as readonly number[], dtype }));
  using optimizer = make(params);
  const update = formula(values);
  let largest = 0;
  for (let step = 0; step < STEPS; step++) {
    const gradients = gradientsAt(step, values);
    const given = gradients.map((list, i) => tensor(list, { shape: SHAPES[i] as readonly number[], dtype }));
    optimizer.step(given, rateAt(step, rate));
    update(gradients, step + 1, rateAt(step, rate));
    params.forEach((param, i) =>
      param.toNumbers().forEach((value, j) => {
        largest = Math.max(largest, Math.abs(value - (values[i]?.[j] ?? NaN)));
      })
    );
  }
  options.atEnd?.(optimizer);
  return largest;
}

/** Calls `use` for every element with flat places into lists that are made to measure. */
function each(values: Values, use: (i: number, j: number) => void): void {
  values.forEach((list, i) => list.forEach((_, j) => use(i, j)));
}
const zerosOf = (values: Values): Values => values.map((list) => list.map(() => 0));
const get = (values: Values, i: number, j: number): number => values[i]?.[j] as number;
const put = (values: Values, i: number, j: number, value: number): void => {
  (values[i] as number[])[j] = value;
};

// arXiv:2302.06675, algorithm 2.
const lionFormula: Formula = (w) => {
  const m = zerosOf(w);
  return (g, _, rate) =>
    each(w, (i, j) => {
      const direction = Math.sign(0.9 * get(m, i, j) + 0.1 * get(g, i, j));
      put(w, i, j, get(w, i, j) - rate * (direction + 0.1 * get(w, i, j)));
      put(m, i, j, 0.99 * get(m, i, j) + 0.01 * get(g, i, j));
    });
};

// arXiv:1711.05101, algorithm 2, decoupled.
const adamwFormula: Formula = (w) => {
  const m = zerosOf(w), v = zerosOf(w);
  return (g, t, rate) =>
    each(w, (i, j) => {
      put(m, i, j, 0.9 * get(m, i, j) + 0.1 * get(g, i, j));
      put(v, i, j, 0.99 * get(v, i, j) + 0.01 * get(g, i, j) ** 2);
      const [mean, square] = [get(m, i, j) / (1 - 0.9 ** t), get(v, i, j) / (1 - 0.99 ** t)];
      put(w, i, j, get(w, i, j) * (1 - rate * 0.1) - rate * mean / (Math.sqrt(square) + 1e-8));
    });
};

// arXiv:2405.15682, algorithm 1: x, y and z kept apart, where the optimizer holds y and z alone.
function scheduleFreeFormula(copyX: (x: Values) => void): Formula {
  return (y) => {
    const x = structuredClone(y), z = structuredClone(y), v = zerosOf(y);
    let weights = 0, largest = 0;
    return (g, t, rate) => {
      largest = Math.max(largest, rate);
      weights += largest ** 2;
      const c = weights === 0 ? 0 : largest ** 2 / weights;
      each(y, (i, j) => {
        put(v, i, j, 0.99 * get(v, i, j) + 0.01 * get(g, i, j) ** 2);
        const scaled = get(g, i, j) / (Math.sqrt(get(v, i, j) / (1 - 0.99 ** t)) + 1e-8);
        const next = get(z, i, j) - rate * (scaled + 0.1 * get(y, i, j));
        put(z, i, j, next);
        put(x, i, j, (1 - c) * get(x, i, j) + c * next);
        put(y, i, j, 0.1 * next + 0.9 * get(x, i, j));
      });
      copyX(x);
    };
  };
}

// arXiv:2306.06101, algorithm 4, with the scale d/d0 of both sums that the authors' program has.
function prodigyFormula(options: { growthRate: number; biasCorrection: boolean; safeguardWarmup: boolean }): Formula {
  const d0 = 1e-3, beta3 = Math.sqrt(0.99);
  return (w) => {
    const m = zerosOf(w), v = zerosOf(w), s = zerosOf(w), start = structuredClone(w);
    let d = d0, largest = d0, numerator = 0;
    return (g, t, rate) => {
      const factor = options.biasCorrection ? Math.sqrt(1 - 0.99 ** t) / (1 - 0.9 ** t) : 1;
      const size = d * rate * factor;
      numerator *= beta3;
      if (rate === 0) return;
      let denominator = 0;
      each(w, (i, j) => {
        const gradient = get(g, i, j);
        numerator += d / d0 * size * gradient * (get(start, i, j) - get(w, i, j));
        put(m, i, j, 0.9 * get(m, i, j) + 0.1 * d * gradient);
        put(v, i, j, 0.99 * get(v, i, j) + 0.01 * (d * gradient) ** 2);
        put(s, i, j, beta3 * get(s, i, j) + d / d0 * (options.safeguardWarmup ? d : size) * gradient);
        denominator += Math.abs(get(s, i, j));
      });
      const estimate = numerator / denominator;
      if (d === d0) d = Math.max(d, estimate);
      largest = Math.max(largest, estimate);
      d = Math.min(largest, d * options.growthRate);
      each(w, (i, j) => {
        const decayed = get(w, i, j) * (1 - 0.1 * size);
        put(w, i, j, decayed - size * get(m, i, j) / (Math.sqrt(get(v, i, j)) + d * 1e-8));
      });
    };
  };
}

const ADAM = { betas: [0.9, 0.99], eps: 1e-8, weightDecay: 0.1 } as const;
const EXACT = 1e-12;

Deno.test("lion() is the paper's formula over 50 steps", () => {
  leakFree(() => {
    const make = (params: readonly Tensor[]): Optimizer => lion(params, { betas: [0.9, 0.99], weightDecay: 0.1 });
    assert(difference(make, { formula: lionFormula, rate: 0.01 }) < EXACT);
  });
});

Deno.test("adamwByTensor() is the paper's formula over 50 steps", () => {
  leakFree(() => {
    const make = (params: readonly Tensor[]): Optimizer => adamwByTensor(params, ADAM);
    assert(difference(make, { formula: adamwFormula, rate: 0.03 }) < EXACT);
    assert(difference(make, { formula: adamwFormula, rate: 0.03, dtype: "float32" }) < 1e-5);
  });
});

Deno.test("scheduleFree() is the paper's formula over 50 steps, and so is its average", () => {
  leakFree(() => {
    let x: Values = [], optimizer: Optimizer | undefined;
    const make = (params: readonly Tensor[]): Optimizer => optimizer = scheduleFree(params, ADAM);
    let averagesOff = 0;
    const targets = drawn(0).map((list) => tensor(list, { dtype: "float64" }));
    const formula = scheduleFreeFormula((values) => {
      x = values;
      optimizer?.average?.copyTo(targets.map((target, i) => target.reshape(SHAPES[i] as readonly number[])));
      targets.forEach((target, i) =>
        target.toNumbers().forEach((value, j) => averagesOff = Math.max(averagesOff, Math.abs(value - get(x, i, j))))
      );
    });
    assert(difference(make, { formula, rate: 0.05 }) < EXACT);
    assert(averagesOff < EXACT && x.length === SHAPES.length, String(averagesOff));
  });
});

Deno.test("prodigy() is the authors' formula over 50 steps, with and without each of its safeguards", () => {
  leakFree(() => {
    for (const growthRate of [Infinity, 1.5]) {
      for (const [biasCorrection, safeguardWarmup] of [[false, false], [true, false], [true, true]] as const) {
        const make = (params: readonly Tensor[]): Optimizer =>
          prodigy(params, {
            ...ADAM,
            d0: 1e-3,
            dCoef: 1,
            growthRate: Number.isFinite(growthRate) ? growthRate : null,
            biasCorrection,
            safeguardWarmup,
          });
        let d = 0;
        const atEnd = (optimizer: Optimizer): void => {
          d = optimizer.state().get("d")?.item() ?? NaN;
        };
        const formula = prodigyFormula({ growthRate, biasCorrection, safeguardWarmup });
        assert(difference(make, { formula, rate: 1, atEnd }) < 1e-10);
        assert(d > 2e-3, `the estimate rose from 0.001 to ${d} alone`);
      }
    }
  });
});
