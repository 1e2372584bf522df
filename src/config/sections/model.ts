/** Section `model`: which weights, in which number type, on which device. */

import { z } from "zod";
import { auto, field, section } from "./field.ts";

/** Schema of `model`. */
export const modelSchema = section({
  weights: field(z.string().min(1), {
    title: "Weights",
    description: "Folder of the model in diffusers layout (transformer, vae, text_encoder, tokenizer).",
  }),
  variant: field(auto(z.string().min(1)).default("auto"), {
    title: "Variant",
    description: "Name of the model variant; auto recognises it by the weights' own config.",
  }),
  experts: field(z.enum(["both", "high", "low"]).default("both"), {
    title: "Experts",
    description:
      "Which experts of a model of two are trained: that for high noise, that for low noise, or both in turns.",
  }),
  dtype: field(z.enum(["auto", "float32", "bfloat16"]).default("auto"), {
    title: "Number type",
    description: "Type of the frozen weights and of the forward pass; auto is bfloat16 on a GPU and float32 on a CPU.",
  }),
  device: field(z.string().regex(/^(auto|cpu|cuda(:\d+)?)$/).default("auto"), {
    title: "Device",
    description: "Where to train; auto takes the first GPU and falls back to the CPU.",
    allowed: '"auto", "cpu", "cuda" or "cuda:N"',
  }),
}, { title: "Model", description: "The model that is trained." });
