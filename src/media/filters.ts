/** From decoded frames to upright, square, scaled and cut RGB, as a chain of ffmpeg's filters. */

import { coverCrop, type Crop, type Size } from "./crop.ts";
import type { MediaInfo } from "./info.ts";

/** How frames are to look. */
export interface PictureOptions extends Size {
  /** Default: {@linkcode coverCrop} of the shown size. */
  readonly crop?: Crop | undefined;
  /** Mirror left to right. Default false. */
  readonly flip?: boolean | undefined;
}

const SCALER = "lanczos+accurate_rnd+full_chroma_int+full_chroma_inp";
const TURN = {
  1: [],
  2: ["hflip"],
  3: ["hflip", "vflip"],
  4: ["vflip"],
  5: ["transpose=cclock_flip"],
  6: ["transpose=clock"],
  7: ["transpose=clock_flip"],
  8: ["transpose=cclock"],
} as const;

/** Frames are numbered and told with their times by `showinfo`; `select` may then leave some out. */
export function pictureFilters(info: MediaInfo, options: PictureOptions, select?: string): string[] {
  const crop = options.crop ?? coverCrop(info, options);
  return [
    ...(info.interlaced ? ["bwdif=mode=send_frame:deint=all"] : []),
    "showinfo=checksum=0",
    ...(select === undefined ? [] : [`select='${select}'`]),
    ...TURN[info.orientation],
    ...(info.hasAlpha ? ["format=gbrap", "premultiply=inplace=1"] : []),
    `scale=${crop.scaledWidth}:${crop.scaledHeight}:flags=${SCALER}`,
    "format=rgb24",
    `crop=${crop.width}:${crop.height}:${crop.left}:${crop.top}`,
    ...(options.flip === true ? ["hflip"] : []),
  ];
}
