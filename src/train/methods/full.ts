/** Full fine-tuning: the transformer's own parameters, all or some. */
import { ConfigError, listNames, namePattern } from "../../base/mod.ts";
import type { Tensor } from "../../torch/mod.ts";

/**
 * Chooses the parameters that are trained; they want gradients from now on.
 * @param chosen patterns of their names
 * @throws {ConfigError} if a pattern matches none
 */
export function trainParameters(
  params: ReadonlyMap<string, Tensor>,
  chosen: "all" | readonly string[],
): ReadonlyMap<string, Tensor> {
  const trained = new Map(chosen === "all" ? params : matching(params, chosen));
  for (const param of trained.values()) param.setRequiresGrad(true);
  return trained;
}

function matching(params: ReadonlyMap<string, Tensor>, patterns: readonly string[]): [string, Tensor][] {
  const fits = patterns.map(namePattern);
  const idle = patterns.filter((_, i) => ![...params.keys()].some((name) => fits[i]?.(name)));
  if (idle.length > 0) {
    throw new ConfigError(`Cannot train ${idle.join(", ")}: no parameter's name matches.`, {
      cure: `choose method.parameters among ${listNames(params.keys(), { unit: "parameters", limit: 40 })}`,
    });
  }
  return [...params].filter(([name]) => fits.some((fit) => fit(name)));
}
