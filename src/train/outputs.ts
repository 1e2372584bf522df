/**
 * What training made, in the forms that other programs load. Nothing in the files depends on when or how often the run was
 * interrupted, so that a resumed run's equal an unbroken run's byte for byte.
 */
import { join } from "node:path";
import { makeFolder } from "../base/mod.ts";
import { type OutputFormat, type RunConfig, savedFormats } from "../config/mod.ts";
import type { Emit } from "../events/mod.ts";
import {
  type AdapterComponent,
  type AdapterMap,
  type AdapterNaming,
  saveAdapters,
  saveEmbedding,
} from "../weights/mod.ts";
import type { StepsTaken } from "./journal.ts";
import { describeTrained } from "./outputs_metadata.ts";
import { saveTrainedModels } from "./outputs_model.ts";
import { componentOf, expertEnding, type SavedSession } from "./outputs_names.ts";
import type { Trainee } from "./trainee.ts";

const NAMINGS: Record<OutputFormat, AdapterNaming> = { diffusers: "diffusers", comfyui: "comfy", musubi: "musubi" };
/** What the names of files end with: ComfyUI's are what most people look for. */
const ENDINGS: Record<OutputFormat, string> = { diffusers: "-diffusers", comfyui: "", musubi: "-musubi" };

/**
 * Writes what a session has trained, in each format that the config names.
 * @param options.taken the steps that each expert has taken
 * @returns the paths written
 * @throws {DiskError} if the disk refuses; files of the same name stay whole
 */
export function saveOutputs(session: SavedSession, { folder, taken }: { folder: string; taken: StepsTaken }): string[] {
  makeFolder(folder);
  const formats = savedFormats(session.config);
  switch (session.config.method.kind) {
    case "lora":
    case "dora":
    case "lokr":
      return formats.flatMap((format) => saveFormat(session, { folder, taken, format }));
    case "full":
      return saveTrainedModels(session, { folder, taken });
    case "embedding":
      return formats.map((format) => saveWord(session, { folder, taken, format }));
  }
}

/** Says what a program of `save.formats` will leave out of the files for it. */
export function warnOfFormats(config: Pick<RunConfig, "method" | "save">, emit: Emit): void {
  const { method } = config;
  if (!savedFormats(config).includes("diffusers") || !("textEncoder" in method) || method.textEncoder === undefined) {
    return;
  }
  emit({
    type: "warning",
    message: "diffusers loads no adapters of WAN's text encoder: there the run's LoRA works without them",
    cure: "leave method.textEncoder out if it is for diffusers",
  });
}

type AdapterMaps = Readonly<Partial<Record<AdapterComponent, AdapterMap>>>;

interface FormatOptions {
  readonly folder: string;
  readonly taken: StepsTaken;
  readonly format: OutputFormat;
}

/**
 * Adapters in one format: a file for each expert, and where both are trained along with the text encoder a third, as it belongs
 * to neither.
 */
function saveFormat(session: SavedSession, options: FormatOptions): string[] {
  const { trainees, text } = session;
  const textMap: AdapterMaps = text?.adapters === undefined ? {} : { text_encoder: text.adapters.modules };
  const beside = trainees.length === 1 ? textMap : {};
  const experts = trainees.map((trainee) =>
    saveMaps(session, {
      ...options,
      ending: expertEnding(trainee.expert),
      of: [trainee],
      maps: { [componentOf(trainee.expert)]: modulesOf(trainee), ...beside },
    })
  );
  if (text?.adapters === undefined || trainees.length === 1) return experts;
  return [...experts, saveMaps(session, { ...options, ending: "-text-encoder", of: trainees, maps: textMap })];
}

function saveMaps(
  session: SavedSession,
  options: FormatOptions & {
    ending: string;
    of: readonly Trainee[];
    maps: AdapterMaps;
  },
): string {
  const { folder, taken, format, ending, of, maps } = options;
  const { config } = session;
  const path = join(folder, `${config.name}${ending}${ENDINGS[format]}.safetensors`);
  const isText = Object.keys(maps).every((component) => component === "text_encoder");
  const foldAlpha = format === "comfyui" && config.method.kind === "lora";
  saveAdapters(path, maps, {
    naming: NAMINGS[format],
    dtype: config.save.dtype,
    foldAlpha,
    metadata: describeTrained(session, { of, taken, folded: foldAlpha, isText }),
  });
  return path;
}

function saveWord(session: SavedSession, { folder, taken, format }: FormatOptions): string {
  const { config, text, trainees } = session;
  const word = text?.word;
  if (word === undefined) throw new TypeError("a session without a word in training");
  const path = join(folder, `${config.name}${ENDINGS[format]}.safetensors`);
  saveEmbedding(path, {
    ...word,
    form: format === "comfyui" ? "comfy" : format === "musubi" ? "params" : "diffusers",
    dtype: config.save.dtype,
    metadata: describeTrained(session, { of: trainees, taken, folded: false }),
  });
  return path;
}

function modulesOf({ trained }: Trainee): AdapterMap {
  if (trained.adapters === undefined) throw new TypeError("a method of adapters without adapters");
  return trained.adapters.modules;
}
