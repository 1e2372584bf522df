/** Gradients: whether a graph is recorded, and the derivative of outputs with respect to inputs. */
import { check, type Handle } from "./call.ts";
import { native } from "./library.ts";
import { Tensor } from "./tensor.ts";

function withGradMode<T>(on: boolean, run: () => T): T {
  const { symbols } = native();
  const before = symbols.wt_grad_mode(on ? 1 : 0);
  try {
    const value = run();
    if (value instanceof Promise) throw new TypeError("a grad mode may not span an await");
    return value;
  } finally {
    symbols.wt_grad_mode(before);
  }
}

/** Runs a function that records no graph. */
export function noGrad<T>(run: () => T): T {
  return withGradMode(false, run);
}

/** Runs a function that records a graph, inside of `noGrad` too. */
export function enableGrad<T>(run: () => T): T {
  return withGradMode(true, run);
}

/**
 * The gradients of outputs with respect to inputs (a vector-Jacobian product).
 * @param outputs tensors with a graph
 * @param inputs leaves, or tensors inside the graph
 * @param options.outputGrads one for each output; ones for a scalar output if absent
 * @param options.retainGraph keeps the graph for another call
 * @returns one gradient for each input, undefined where the outputs do not depend on it
 * @throws {TorchError} if an output has no graph
 */
export function grad(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  options: { outputGrads?: readonly (Tensor | undefined)[]; retainGraph?: boolean } = {},
): (Tensor | undefined)[] {
  const { symbols, words, results } = native();
  let at = 0;
  for (const output of outputs) words[at++] = output.handle;
  for (let i = 0; i < outputs.length; i++) words[at++] = options.outputGrads?.[i]?.handle ?? 0;
  for (const input of inputs) words[at++] = input.handle;
  const flags = (options.retainGraph ? 1 : 0) | 2;
  const count = check(symbols.wt_autograd_grad(outputs.length, inputs.length, flags));
  const grads: (Tensor | undefined)[] = [];
  for (let i = 0; i < count; i++) {
    const handle = results[i] as Handle;
    grads.push(handle === 0 ? undefined : new Tensor(handle));
  }
  return grads;
}
