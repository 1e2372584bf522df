/** An optimizer made of several, each with some of the parameters: groups with rates of their own, Muon beside AdamW. */
import { ShapeError } from "../base/mod.ts";
import type { Tensor } from "../torch/mod.ts";
import type { Optimizer, WeightAverage } from "./optimizer.ts";

/** Some parameters and who updates them. */
export interface OptimizerPart {
  /** What the part's state is called in a checkpoint: `matrices.exp_avg.3`. */
  readonly name: string;
  /** Places of its parameters in the whole list. */
  readonly places: readonly number[];
  readonly optimizer: Optimizer;
  /** Factor on the learning rate. */
  readonly rateFactor: number;
}

/** Hands gradients and rates on to its parts, which it owns. */
export class PartedOptimizer implements Optimizer {
  readonly #parts: readonly OptimizerPart[];
  readonly #count: number;
  readonly average: WeightAverage | undefined;
  /** Of the first part; others find their own. */
  readonly ownRate: Tensor | undefined;

  /** @param parts that share out every parameter */
  constructor(parts: readonly OptimizerPart[]) {
    this.#parts = parts;
    this.ownRate = parts[0]?.optimizer.ownRate;
    this.#count = parts.reduce((sum, { places }) => sum + places.length, 0);
    if (parts.some(({ optimizer }) => optimizer.average !== undefined)) {
      this.average = {
        copyTo: (targets) =>
          parts.forEach(({ optimizer, places }) => optimizer.average?.copyTo(chosen(targets, places))),
      };
    }
  }

  /** @throws {ShapeError} if there are not as many gradients as parameters */
  step(gradients: readonly Tensor[], learningRate: number): void {
    if (gradients.length !== this.#count) {
      throw new ShapeError(`An optimizer of ${this.#count} tensors was given ${gradients.length} gradients.`);
    }
    for (const { optimizer, places, rateFactor } of this.#parts) {
      optimizer.step(chosen(gradients, places), learningRate * rateFactor);
    }
  }

  /** The parts' states, each under its name; a tensor's place is the one within its part. */
  state(): Map<string, Tensor> {
    return new Map(
      this.#parts.flatMap(({ name, optimizer }) =>
        [...optimizer.state()].map(([key, tensor]): [string, Tensor] => [`${name}.${key}`, tensor])
      ),
    );
  }

  [Symbol.dispose](): void {
    for (const { optimizer } of this.#parts) optimizer[Symbol.dispose]();
  }
}

function chosen(all: readonly Tensor[], places: readonly number[]): Tensor[] {
  return places.map((place) => all[place] as Tensor);
}
