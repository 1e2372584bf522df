/** Still pictures: read whole, checked by their own header before ffmpeg sees them. */

import { ffprobe } from "./ffprobe.ts";
import { checkPixels, hasAlpha, type MediaInfo, openOrExplain } from "./info.ts";
import { type PictureHeader, readPictureHeader, withoutPngText } from "./picture.ts";
import { FileProblem } from "./problem.ts";
import { STILL_TIMELINE } from "./timeline.ts";

/** The bytes and header of a still picture, checked for its size; text chunks of a PNG are left out. */
export function readStill(path: string): { bytes: Uint8Array; header: PictureHeader } {
  const bytes = withoutPngText(openOrExplain(path, () => Deno.readFileSync(path)));
  const header = readPictureHeader(bytes);
  if (header === undefined || header.width === 0 || header.height === 0) {
    throw new FileProblem(path, {
      attempt: "read",
      code: "corrupt_image",
      fact: "the picture's header is damaged or cut off",
      cure: "replace it with a whole copy or remove it",
    });
  }
  checkPixels(path, header);
  if (header.animated) {
    throw new FileProblem(path, {
      attempt: "read",
      code: "animated_image",
      fact: `it is an animated ${header.format === "png" ? "PNG" : "WebP"}, which is neither a clip nor a still`,
      cure: "convert it to MP4, or save one of its pictures",
    });
  }
  return { bytes, header };
}

/** Facts about a still picture. @throws {FileProblem} if it is damaged, too large or animated */
export async function probeStill(path: string, signal: AbortSignal | undefined): Promise<MediaInfo> {
  const { bytes, header } = readStill(path);
  const container = `${header.format}_pipe`;
  const { streams } = await ffprobe(path, ["-f", container, "-i", "pipe:0"], { stdin: bytes, signal });
  const stream = streams[0];
  if (stream === undefined || !stream.pix_fmt) {
    throw new FileProblem(path, {
      attempt: "read",
      code: "corrupt_image",
      fact: "the picture cannot be decoded",
      cure: "save it again",
    });
  }
  const turned = header.orientation >= 5;
  return {
    path,
    isImage: true,
    container,
    codec: stream.codec_name ?? header.format,
    pixelFormat: stream.pix_fmt,
    codedWidth: header.width,
    codedHeight: header.height,
    width: turned ? header.height : header.width,
    height: turned ? header.width : header.height,
    orientation: header.orientation,
    fps: 0,
    statedRate: undefined,
    tick: 0,
    duration: 0,
    statedDuration: 0,
    timeline: STILL_TIMELINE,
    streamIndex: 0,
    numVideoStreams: 1,
    hasAudio: false,
    hasAlpha: hasAlpha(stream.pix_fmt),
    interlaced: false,
    hdr: false,
  };
}
