/** Section `model`: which weights, in which number type, on which device. */

import { z } from "zod";
import { auto, field, section } from "./field.ts";

const file = (title: string, description: string): z.ZodOptional<z.ZodString> =>
  field(z.string().min(1).optional(), { title, description });

/** The files of a model one by one, or those that take the place of a folder's. */
const files = z.strictObject({
  folder: file("Folder", "Folder of a model, in any layout, for the parts that are not named."),
  transformer: file("Transformer", "The transformer of a model that has one: a file, an index or a folder."),
  highNoise: file("High-noise expert", "The transformer for high noise of a model of two."),
  lowNoise: file("Low-noise expert", "The transformer for low noise of a model of two."),
  vae: file("VAE", "The VAE: a file or a folder."),
  textEncoder: file("Text encoder", "The UMT5 encoder: a file, an index or a folder."),
  tokenizer: file(
    "Tokenizer",
    "tokenizer.json or its folder, or spiece.model; absent where the text encoder's file carries it, as ComfyUI's do.",
  ),
}).superRefine(({ folder, transformer, highNoise, lowNoise, vae, textEncoder }, context) => {
  const wrong = (path: string, message: string): void =>
    context.addIssue({ code: "custom", path: path === "" ? [] : [path], message });
  const own = highNoise ?? lowNoise;
  if (folder === undefined && (highNoise === undefined) !== (lowNoise === undefined)) {
    wrong(highNoise === undefined ? "highNoise" : "lowNoise", "both experts' files, where no folder has the other");
  }
  if (transformer !== undefined && own !== undefined) {
    wrong("transformer", "one transformer, or highNoise and lowNoise, but not both");
  }
  if (folder !== undefined) return;
  if (transformer === undefined && highNoise === undefined) {
    wrong("transformer", "the file of the transformer, or highNoise and lowNoise, where there is no folder");
  }
  for (const [name, value] of Object.entries({ vae, textEncoder })) {
    if (value === undefined) wrong(name, "the file of this part, where there is no folder that has it");
  }
}).meta({ title: "Files", description: "The model's files one by one." });

/** Schema of `model`. */
export const modelSchema = section({
  weights: field(z.union([z.string().min(1), files]), {
    title: "Weights",
    description:
      "Folder of the model in diffusers' layout, that of the official release, or of single files; or an object that names its " +
      "files: transformer, or highNoise and lowNoise, vae, textEncoder, tokenizer, with a folder for those left out.",
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
  quantization: field(z.enum(["none", "fp8", "int8", "nf4"]).default("none"), {
    title: "Quantization",
    description:
      "How the frozen weights of the transformer's blocks are kept in fewer bits, for any method but full: " +
      "fp8 and int8 take half the memory of bfloat16, nf4 a good quarter. A file in fp8 is used as it is by fp8.",
  }),
  device: field(z.string().regex(/^(auto|cpu|cuda(:\d+)?)$/).default("auto"), {
    title: "Device",
    description: "Where to train; auto takes the first GPU and falls back to the CPU.",
    allowed: '"auto", "cpu", "cuda" or "cuda:N"',
  }),
}, { title: "Model", description: "The model that is trained." });
