/** What is wrong with one media file, and how its name is shown. */

import { DataError } from "../base/mod.ts";

/** What is wrong with a media file, as a word that does not change. */
export type MediaCode =
  | "empty_file"
  | "not_media"
  | "truncated_no_index"
  | "truncated"
  | "corrupt_frames"
  | "corrupt_image"
  | "size_change"
  | "no_video_stream"
  | "unsupported_codec"
  | "animated_image"
  | "too_large"
  | "permission"
  | "vanished"
  | "file_changed"
  | "unreadable";

/** A file that cannot be used: `Cannot decode "x.mp4": only 9 of 17 frames came out`. */
export class FileProblem extends DataError {
  readonly path: string;
  /** The fact alone, without file name and attempt. */
  readonly fact: string;
  readonly code: MediaCode;

  constructor(
    path: string,
    options: { attempt: string; fact: string; code?: MediaCode; cure?: string | undefined; cause?: unknown },
  ) {
    super(`Cannot ${options.attempt} ${quoteName(path)}: ${options.fact}`, options);
    this.path = path;
    this.fact = options.fact;
    this.code = options.code ?? "unreadable";
  }
}

// C0 and C1 controls, soft hyphen, line separators, and everything that turns or hides text
const UNSAFE =
  // deno-lint-ignore no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/gu;

/** A name or path in double quotes, with everything escaped that could break a line or turn the text around. */
export function quoteName(name: string): string {
  const body = name.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n").replaceAll("\r", "\\r");
  return `"${body.replaceAll(UNSAFE, (char) => `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`)}"`;
}
