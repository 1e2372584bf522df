/** The forms in which a run writes what it has trained. */
import type { RunConfig } from "./schema.ts";

/** A form of `save.formats`. */
export type OutputFormat = Exclude<RunConfig["save"]["formats"], "auto">[number];

/** The forms that a config means: unless it names them, those of all programs that load its method's files. */
export function savedFormats({ method, save }: Pick<RunConfig, "method" | "save">): readonly OutputFormat[] {
  if (save.formats !== "auto") return save.formats;
  return method.kind === "lokr" ? ["comfyui"] : ["diffusers", "comfyui"];
}
