/**
 * Averaged weights in training: an expert's own moving average, or that of an optimizer which has one. Samples,
 * validation and outputs are made with them; training goes on with the weights themselves.
 */
import type { Ema, Optimizer } from "../optim/mod.ts";
import { noGrad, type Tensor, unscoped } from "../torch/mod.ts";

/** What of an expert in training has to do with averages. */
export interface Averaged {
  readonly trained: { readonly params: ReadonlyMap<string, Tensor> };
  readonly optimizer: Optimizer;
  readonly ema?: Ema | undefined;
}

/** What trains an expert and has to go on after a resume: the optimizer's state, and that of the average under `ema.` */
export function updateState({ optimizer, ema }: Averaged): Map<string, Tensor> {
  const average = [...ema?.state() ?? []].map(([name, tensor]): [string, Tensor] => [`ema.${name}`, tensor]);
  return new Map([...optimizer.state(), ...average]);
}

/**
 * Puts averaged weights in the place of those that are trained, until the result is disposed of; then these are back bit
 * for bit. Where nothing is averaged, nothing happens.
 */
export function useAverages(trainees: readonly Averaged[]): Disposable {
  const swapped = new DisposableStack();
  for (const { trained, optimizer, ema } of trainees) {
    const average = ema ?? optimizer.average;
    if (average === undefined) continue;
    const params = [...trained.params.values()];
    const kept = noGrad(() => unscoped(() => params.map((param) => param.clone())));
    swapped.defer(() => {
      noGrad(() => params.forEach((param, i) => param.copy_(kept[i] as Tensor)));
      for (const tensor of kept) tensor[Symbol.dispose]();
    });
    average.copyTo(params);
  }
  return swapped;
}
