/** What a video says about how it was made. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { COMMENT_FILE, readComment } from "../../media/mod.ts";

/** A video, looked at. */
export interface VideoInspection {
  readonly path: string;
  readonly kind: "video";
  readonly what: string;
  /** What it was made from, see `sample --from`; absent where nothing is said. */
  readonly recipe?: Readonly<Record<string, unknown>>;
}

/** Whether a path is a video's by its ending, or a folder of pictures that wantune wrote. */
export function isVideo(path: string): boolean {
  return /\.(mp4|webm|gif|mkv|mov)$/i.test(path) || existsSync(join(path, COMMENT_FILE));
}

/** Looks at a video's comment. @throws {DataError} if it is no video */
export async function inspectVideo(path: string): Promise<VideoInspection> {
  const recipe = recipeIn(await readComment(path));
  return recipe === undefined
    ? { path, kind: "video", what: "a video that does not say how it was made" }
    : { path, kind: "video", what: `a video made by wantune ${recipe.wantune}`, recipe };
}

function recipeIn(comment: string | undefined): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(comment ?? "");
    if (typeof json === "object" && json !== null && "wantune" in json) return { ...json };
  } catch {
    // another program's words
  }
  return undefined;
}
