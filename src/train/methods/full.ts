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
  const trained = chooseParameters(params, chosen);
  for (const param of trained.values()) param.setRequiresGrad(true);
  return trained;
}

/** Those of the parameters that are trained. @throws {ConfigError} if a pattern matches none */
export function chooseParameters(
  params: ReadonlyMap<string, Tensor>,
  patterns: "all" | readonly string[],
): ReadonlyMap<string, Tensor> {
  if (patterns === "all") return new Map(params);
  const fits = patterns.map(namePattern);
  const idle = patterns.filter((_, i) => ![...params.keys()].some((name) => fits[i]?.(name)));
  if (idle.length > 0) {
    throw new ConfigError(`Cannot train ${idle.join(", ")}: no parameter's name matches.`, {
      cure: `choose method.parameters among ${listNames(params.keys(), { unit: "parameters", limit: 40 })}`,
    });
  }
  return new Map([...params].filter(([name]) => fits.some((fit) => fit(name))));
}
