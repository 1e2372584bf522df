/** The whole config: one schema from which the type, the flags, the help and the JSON Schema are read. */

import { z } from "zod";
import { idleFields } from "./idle.ts";
import { dataSchema, sizeSchema, sourceSchema } from "./sections/data.ts";
import { field } from "./sections/field.ts";
import { logSchema } from "./sections/log.ts";
import { memorySchema } from "./sections/memory.ts";
import { methodSchema } from "./sections/method.ts";
import { modelSchema } from "./sections/model.ts";
import { optimSchema } from "./sections/optim.ts";
import { sampleSchema } from "./sections/sample.ts";
import { saveSchema } from "./sections/save.ts";
import { lossSchema, timestepsSchema, trainSchema } from "./sections/train.ts";
import { validationSchema } from "./sections/validation.ts";

/** Bytes that a name may have: files of the run end in more, and their names may have 255. */
const NAME_BYTES = 180;

const NAME = `a file's name: text of at most ${NAME_BYTES} bytes in UTF-8, other than . and .., without /, \\ and ` +
  "control characters";

/** A name that folders and files can have. */
const nameSchema = z.string().regex(/^(?!\.{1,2}$)[^/\\\p{Cc}]+$/u)
  .refine((name) => new TextEncoder().encode(name).length <= NAME_BYTES, { message: NAME });

/** Schema of a run's config. A missing section counts as an empty one, so that the missing keys in it are named. */
export const configSchema = z.strictObject({
  version: field(z.literal(1).default(1), { title: "Version", description: "Version of this config's form." }),
  name: field(nameSchema.optional(), {
    title: "Name",
    description: "What the run and its files are called; absent means the config file's name.",
    allowed: NAME,
  }),
  runsDir: field(z.string().min(1).default("runs"), {
    title: "Runs folder",
    description: "Folder in which each run gets a folder of its own.",
  }),
  model: modelSchema.prefault({} as never),
  method: methodSchema.prefault({}),
  data: dataSchema.prefault({} as never),
  train: trainSchema.prefault({} as never),
  optim: optimSchema.prefault({}),
  memory: memorySchema.prefault({}),
  sample: sampleSchema.optional(),
  validation: validationSchema.optional(),
  save: saveSchema.prefault({}),
  log: logSchema.prefault({}),
}).superRefine((config, context) => {
  const { model: { quantization }, method, save: { formats } } = config;
  for (const idle of idleFields(config)) context.addIssue({ code: "custom", ...idle });
  if (method.kind === "lokr" && formats.includes("diffusers")) {
    context.addIssue({
      code: "custom",
      path: ["save", "formats"],
      message: '"comfyui" and "musubi" where method.kind is "lokr", as diffusers loads LoRAs and DoRAs alone',
    });
  }
  if (method.kind !== "full" || quantization === "none") return;
  context.addIssue({
    code: "custom",
    path: ["model", "quantization"],
    message:
      '"none" where method.kind is "full", as these weights are trained; adapters can be trained beside quantised ones',
  });
}).meta({ title: "wantune run config" });

type Frozen<T> = T extends readonly unknown[] ? { readonly [K in keyof T]: Frozen<T[K]> }
  : T extends object ? { readonly [K in keyof T]: Frozen<T[K]> }
  : T;

/** A complete, checked and frozen config. All paths in it are absolute; the name is always there. */
export type RunConfig = Frozen<z.output<typeof configSchema> & { name: string }>;

/** A config whose length in steps is known, which may take the data to tell. */
export type SettledConfig = RunConfig & { readonly train: TrainConfig & { readonly steps: number } };

/** Section `model`. */
export type ModelConfig = Frozen<z.output<typeof modelSchema>>;
/** Section `method`. */
export type MethodConfig = Frozen<z.output<typeof methodSchema>>;
/** Section `data`. */
export type DataConfig = Frozen<z.output<typeof dataSchema>>;
/** An entry of `data.sources`. */
export type SourceConfig = Frozen<z.output<typeof sourceSchema>>;
/** A fixed picture size, in pixels. */
export type SizeConfig = Frozen<z.output<typeof sizeSchema>>;
/** Section `train`. */
export type TrainConfig = Frozen<z.output<typeof trainSchema>>;
/** Section `train.timesteps`. */
export type TimestepsConfig = Frozen<z.output<typeof timestepsSchema>>;
/** Section `train.loss`. */
export type LossConfig = Frozen<z.output<typeof lossSchema>>;
/** Section `optim`. */
export type OptimConfig = Frozen<z.output<typeof optimSchema>>;
/** Section `memory`. */
export type MemoryConfig = Frozen<z.output<typeof memorySchema>>;
/** Section `sample`. */
export type SampleConfig = Frozen<z.output<typeof sampleSchema>>;
/** Section `save`. */
export type SaveConfig = Frozen<z.output<typeof saveSchema>>;
/** Section `validation`. */
export type ValidationConfig = Frozen<z.output<typeof validationSchema>>;
/** Section `log`. */
export type LogConfig = Frozen<z.output<typeof logSchema>>;
