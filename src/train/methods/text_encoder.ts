/** Adapters on the text encoder, beside those on the transformer. */
import { seedFor } from "../../base/mod.ts";
import type { AdapterMethod, AdapterPlan } from "./adapters.ts";

/** The adapters that a method trains on the text encoder; undefined if none. */
export function textEncoderPlan(method: AdapterMethod, seed: number): AdapterPlan | undefined {
  const { textEncoder } = method;
  if (textEncoder === undefined) return undefined;
  const { rank, alpha = rank, targets } = textEncoder;
  return {
    ...{ method, targets },
    component: "text_encoder",
    exclude: [],
    numbersOf: () => ({ rank, alpha }),
    seedOf: (index) => seedFor(seed, "lora.text", index),
    field: "method.textEncoder.targets",
  };
}
