/** Adapters on a model for tests. */

import { namePattern } from "../../src/base/mod.ts";
import { type AdapterData, AdapterSet, freshAdapter, type Linear } from "../../src/nn/mod.ts";
import { Generator, tidy } from "../../src/torch/mod.ts";

/** Fresh LoRAs, of rank 4 unless said otherwise, on the layers whose names end so, layer i drawn with seed i; `up` fills every second factor. */
export function freshLoras(
  linears: readonly Linear[],
  options: { targets: readonly string[]; up?: number; rank?: number },
): AdapterSet {
  const { targets, up = 0, rank = 4 } = options;
  const fits = targets.map(namePattern);
  const chosen = linears.filter(({ path }) => fits.some((fit) => fit(path)));
  return tidy(() => {
    const modules = chosen.map((layer, index): [string, AdapterData] => {
      using generator = Generator.seeded(index);
      const data = freshAdapter(layer, { kind: "lora", rank, alpha: rank, generator });
      data.tensors.up?.fill_(up);
      return [layer.path, data];
    });
    return AdapterSet.apply(chosen, { modules: new Map(modules), name: "fresh" });
  });
}
