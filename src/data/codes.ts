/** Why a file is left out, as a word that does not change: for reports, scripts and tests. */

import { DataError } from "../base/mod.ts";
import type { MediaCode } from "../media/mod.ts";

/** What can be wrong with a file before or after it is opened. */
export type RejectCode = MediaCode | ScanCode | CaptionCode | ListCode | LimitCode;

/** About the file as an entry of its folder. */
type ScanCode =
  | "not_a_file"
  | "link"
  | "unreadable_folder"
  | "unsupported_format"
  | "listed_twice"
  | "file_name"
  | "vanished"
  | "file_changed";

/** About its caption. */
export type CaptionCode =
  | "missing_caption"
  | "empty_caption"
  | "caption_encoding"
  | "caption_control_chars"
  | "caption_too_long"
  | "caption_unreadable";

/** About a line of a list of captions. */
export type ListCode =
  | "list_format"
  | "json_syntax"
  | "line_type"
  | "missing_file_name"
  | "file_name_type"
  | "caption_type"
  | "file_not_found"
  | "path_outside";

/** About what the config or the model asks. */
export type LimitCode =
  | "wrong_extension"
  | "still_image_as_video"
  | "hdr"
  | "truncated"
  | "too_few_frames"
  | "too_small"
  | "too_large"
  | "extreme_aspect"
  | "too_short"
  | "too_long"
  | "odd_frame_rate"
  | "container"
  | "codec"
  | "black"
  | "frozen"
  | "duplicate";

/** Why something is left out. */
export interface Refusal {
  readonly code: RejectCode;
  /** The fact, without the file's name. */
  readonly reason: string;
  readonly cure?: string | undefined;
}

/** A file, or a line of a list of captions, that is left out. */
export interface RejectedFile extends Refusal {
  readonly path: string;
  /** The line, counted from 1, where the path is a list of captions. */
  readonly line?: number | undefined;
}

/** A caption, or a line of a list of captions, that cannot be used. */
export class CaptionProblem extends DataError {
  readonly code: CaptionCode | ListCode;

  constructor(code: CaptionCode | ListCode, message: string, options: { cure?: string; cause?: unknown } = {}) {
    super(message, options);
    this.code = code;
  }
}
