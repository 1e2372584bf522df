/** What a file is by its name's ending. */

import { sep } from "node:path";

const CLIPS = [".mp4", ".mov", ".avi", ".webm", ".mkv", ".gif"];
/** An animated `.webp` turns out to be a clip when it is looked at. */
const STILLS = [".jpg", ".jpeg", ".png", ".webp"];
const KINDS = new Map<string, "clip" | "still">([
  ...CLIPS.map((ending) => [ending, "clip"] as const),
  ...STILLS.map((ending) => [ending, "still"] as const),
]);
/** Media that is named as unsupported rather than passed over. */
const OTHERS = new Set(
  ".m4v .mpg .mpeg .m2ts .mts .ts .wmv .flv .ogv .3gp .bmp .tif .tiff .avif .heic .heif .jxl".split(" "),
);

/** Endings of clips and stills. */
export const MEDIA_ENDINGS: readonly string[] = [...CLIPS, ...STILLS];

/** The ending of a name, with its dot, in lower case; empty for a name whose only dot is its first character. */
export function ending(path: string): string {
  return path.slice(endOfStem(path)).toLowerCase();
}

/** A path without its name's ending. */
export function stem(path: string): string {
  return path.slice(0, endOfStem(path));
}

/** Where the ending begins. It is asked for many times for every file. */
function endOfStem(path: string): number {
  const dot = path.lastIndexOf(".");
  return dot > path.lastIndexOf(sep) + 1 ? dot : path.length;
}

/** Whether a name's ending says clip or still; "other" for media that is not read. */
export function mediaKind(path: string): "clip" | "still" | "other" | undefined {
  const own = ending(path);
  return KINDS.get(own) ?? (OTHERS.has(own) ? "other" : undefined);
}

/** Whether a name ends as clips and stills do. */
export function isMediaName(path: string): boolean {
  return KINDS.has(ending(path));
}
