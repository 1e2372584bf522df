/** A model's parts with adapters worked in. */
import { mergedWeights, type ModelComponent, type ModelSource } from "../../wan/mod.ts";
import { AdapterFile, type Weights } from "../../weights/mod.ts";
import type { LoraUse } from "../sample/lora_use.ts";

/**
 * The weights of the parts that adapters are for; the others stay as they are.
 * @param options.owner gets what they need: it must live as long as they are used
 * @throws {WeightsError} if a file is damaged or does not fit the model
 */
export function mergedParts(
  model: ModelSource,
  { uses, owner }: { uses: readonly LoraUse[]; owner: DisposableStack },
): Partial<Record<ModelComponent, Weights>> {
  const files = uses.map((use) => ({ ...use, file: owner.use(AdapterFile.open(use.path)) }));
  const replaced: Partial<Record<ModelComponent, Weights>> = {};
  for (const component of model.components) {
    if (component === "vae") continue;
    const adapters = files.filter(({ parts }) => parts.includes(component)).map(({ file, strength }) => {
      const { modules } = owner.use(file.read(file.componentFor(component)));
      return { modules, strength, name: file.path };
    });
    if (adapters.length > 0) replaced[component] = mergedWeights(owner.use(model.openWeights(component)), adapters);
  }
  return replaced;
}
