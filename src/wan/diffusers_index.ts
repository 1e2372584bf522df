/** What a folder in diffusers layout says about the model as a whole: `model_index.json` and the scheduler's config. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { WeightsError } from "../base/mod.ts";
import { readJson } from "./component.ts";

const part = z.tuple([z.string().nullable(), z.string().nullable()]).optional();

const indexSchema = z.looseObject({
  _class_name: z.string(),
  boundary_ratio: z.number().nullish(),
  expand_timesteps: z.boolean().default(false),
  transformer_2: part,
});

const schedulerSchema = z.looseObject({ flow_shift: z.number().positive().optional(), shift: z.number().optional() });

const PIPELINES = ["WanPipeline", "WanImageToVideoPipeline"];
const CURE = "name the folder of a WAN 2.2 model in diffusers layout";

/** The facts of an index. */
export interface DiffusersIndex {
  readonly hasTwo: boolean;
  readonly boundary: number | undefined;
  readonly perTokenTimesteps: boolean;
  /** What its scheduler says; undefined if it says nothing. */
  readonly shift: number | undefined;
  /** As they stand in the files. */
  readonly json: unknown;
  readonly schedulerJson: unknown;
}

/** Reads the index of a folder. @throws {WeightsError} if there is none, or it is that of another kind of model */
export function readDiffusersIndex(folder: string): DiffusersIndex {
  const file = join(folder, "model_index.json"), what = `the model ${folder}`;
  if (!existsSync(file)) {
    throw new WeightsError(`Cannot open the model ${folder}: there is no model_index.json`, { cure: CURE });
  }
  const json = readJson(file, what);
  const parsed = indexSchema.safeParse(json);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; ");
    throw new WeightsError(`Cannot open the model ${folder}: its model_index.json is wrong: ${problems}`, {
      cure: CURE,
    });
  }
  const { _class_name: name, transformer_2, boundary_ratio, expand_timesteps } = parsed.data;
  if (!PIPELINES.includes(name)) {
    throw new WeightsError(`Cannot open the model ${folder}: it is a ${name}, not a ${PIPELINES.join(" or ")}`, {
      cure: CURE,
    });
  }
  const scheduler = join(folder, "scheduler/scheduler_config.json");
  const schedulerJson = existsSync(scheduler) ? readJson(scheduler, what) : undefined;
  const { flow_shift, shift } = schedulerSchema.safeParse(schedulerJson).data ?? {};
  return {
    hasTwo: typeof transformer_2?.[1] === "string",
    boundary: boundary_ratio ?? undefined,
    perTokenTimesteps: expand_timesteps,
    shift: flow_shift ?? shift,
    ...{ json, schedulerJson },
  };
}
