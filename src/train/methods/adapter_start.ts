/** Going on from an adapter file. */
import { listNames, WeightsError } from "../../base/mod.ts";
import type { MethodConfig } from "../../config/mod.ts";
import type { Emit } from "../../events/mod.ts";
import type { AdapterData, AdapterModules } from "../../nn/mod.ts";
import type { Tensor } from "../../torch/mod.ts";
import type { Expert } from "../../wan/mod.ts";
import { type AdapterComponent, AdapterFile, expertMark, readAdapters } from "../../weights/mod.ts";

/**
 * The adapters of a file in the place of fresh ones. The second factor takes up the difference between the file's scale and
 * the config's, so that the change of the weights is the file's.
 * @param fresh what the config asks for
 * @returns tensors of the scope that this is called in
 * @throws {WeightsError} if the file has other layers, kinds, ranks or shapes
 */
export function startingAdapters(
  fresh: AdapterModules,
  { path, component }: { path: string; component: AdapterComponent },
): AdapterModules {
  if (component === "text_encoder") refuseWithoutText(path);
  using file = readAdapters(path, { component });
  const missing = [...fresh.keys()].filter((module) => !file.modules.has(module));
  const surplus = [...file.modules.keys()].filter((module) => !fresh.has(module));
  if (missing.length + surplus.length > 0) {
    const lacks = missing.length === 0 ? [] : [`it lacks ${listNames(missing, { unit: "layers", limit: 4 })}`];
    const has = surplus.length === 0 ? [] : [`it also has ${listNames(surplus, { unit: "layers", limit: 4 })}`];
    throw refuse(path, [...lacks, ...has].join("; "), "set method.targets and exclude to the layers of the file");
  }
  return new Map([...fresh].map(([module, wanted]) => {
    const found = file.modules.get(module) as AdapterData;
    return [module, adopted(found, { wanted, module, path })];
  }));
}

function refuseWithoutText(path: string): void {
  using file = AdapterFile.open(path);
  if (file.components.includes("text_encoder")) return;
  throw refuse(
    path,
    "it has no adapters of the text encoder, which the config trains too",
    "leave method.textEncoder out, or start from a file that has them",
  );
}

/** Says what has to be assumed of the files that trainees start from, and which of them are the other expert's. */
export function warnOfStart(
  trainees: readonly { expert: Expert; config: { method: MethodConfig } }[],
  emit: Emit,
): void {
  const messages = trainees.flatMap(({ expert, config: { method } }) => {
    if (method.kind === "full" || method.kind === "embedding" || method.init === undefined) return [];
    using file = AdapterFile.open(method.init);
    const mark = expertMark(file.path, file.metadata);
    return [
      ...(file.assumption === undefined ? [] : [`of ${file.path}: ${file.assumption}`]),
      ...(expert === "only" || mark === undefined || mark.expert === expert ? [] : [
        `the ${expert}-noise expert starts from ${file.path}, which by its ${mark.by} is the ${mark.expert}-noise one's`,
      ]),
    ];
  });
  for (const message of new Set(messages)) emit({ type: "warning", message });
}

function adopted(
  found: AdapterData,
  { wanted, module, path }: { wanted: AdapterData; module: string; path: string },
): AdapterData {
  const parts = (data: AdapterData): string => Object.keys(data.tensors).sort().join(" and ");
  if (found.kind !== wanted.kind || parts(found) !== parts(wanted)) {
    throw refuse(
      path,
      `${module} is ${parts(found)} there, the config trains ${parts(wanted)}`,
      "take the method it was made by",
    );
  }
  const tensors = Object.entries(wanted.tensors).map(([part, like]: [string, Tensor]) => {
    const stored = found.tensors[part as keyof typeof found.tensors] as Tensor;
    if (stored.numel !== like.numel || (part !== "magnitude" && stored.shape.join() !== like.shape.join())) {
      const [is, want] = [stored, like].map(({ shape }) => `[${shape.join(", ")}]`);
      throw refuse(path, `${part} of ${module} is ${is}, the config trains ${want}`, "set method.rank to the file's");
    }
    return [part, stored.to({ dtype: "float32", copy: true }).reshape(like.shape)] as const;
  });
  const own = new Map(tensors);
  const [last, first] = wanted.kind === "lora" ? ["up", "down"] as const : ["w2_b", "w2_b"] as const;
  const rank = wanted.tensors[first]?.size(0);
  if (rank !== undefined) {
    const scale = (found.alpha ?? rank) / (wanted.alpha ?? rank);
    own.set(last, (own.get(last) as Tensor).mul(scale));
  }
  return { ...wanted, tensors: Object.fromEntries(own) };
}

function refuse(path: string, fact: string, cure: string): WeightsError {
  return new WeightsError(`Cannot start from the adapter "${path}": ${fact}`, { cure });
}
