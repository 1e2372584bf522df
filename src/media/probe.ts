/**
 * What a media file is, from its header and the list of its packets; no frame is decoded. Orientation and the shape of
 * the pixels are applied to the size, since that is what a viewer sees.
 */

import { animationInfo } from "./animation.ts";
import { ffprobe, INPUT_GUARD, readerArgs, readLinesOfFile } from "./ffprobe.ts";
import { checkPixels, hasAlpha, type MediaInfo, openOrExplain } from "./info.ts";
import type { Orientation } from "./picture.ts";
import { FileProblem, type MediaCode } from "./problem.ts";
import { fileUrl } from "./process.ts";
import { type Content, sniffFile } from "./sniff.ts";
import { probeStill } from "./still.ts";
import { PacketList, type Timeline, type TimelineFacts } from "./timeline.ts";
import { parseRatio, toNumber } from "./times.ts";
import { readAnimation } from "./webp.ts";

/** Options of {@linkcode probe}. */
export interface ProbeOptions {
  /** List the time of every frame, which reads the whole file once. Default true. */
  readonly timestamps?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads the facts of a media file.
 * @throws {FileProblem} if it cannot be opened, is no picture or video, or has no video stream
 * @throws {SetupError} if ffprobe is missing
 */
export async function probe(path: string, options: ProbeOptions = {}): Promise<MediaInfo> {
  const content = openOrExplain(path, () => sniffFile(path));
  const fact = notMedia(content);
  if (fact !== undefined) throw new FileProblem(path, { attempt: "read", ...fact });
  const animation = content === "webp" ? readAnimation(path) : undefined;
  if (animation !== undefined) return animationInfo(path, animation);
  if (content === "jpeg" || content === "png" || content === "webp") return await probeStill(path, options.signal);
  return await probeClip(path, options);
}

function notMedia(content: Content): { code: MediaCode; fact: string; cure: string } | undefined {
  const cure = "replace it with the real file or remove it";
  const code = "not_media";
  if (content === "empty") return { code: "empty_file", fact: "the file is empty (0 bytes)", cure };
  if (content === "zeros") return { code, fact: "it is not a video or picture: it holds zero bytes only", cure };
  if (content === "html") return { code, fact: "it is not a video or picture: it is an HTML or XML page", cure };
  if (content === "text") return { code, fact: "it is not a video or picture: it is plain text", cure };
  return undefined;
}

async function probeClip(path: string, options: ProbeOptions): Promise<MediaInfo> {
  const input = ["-i", fileUrl(path)];
  const { streams, container } = await ffprobe(path, input, { signal: options.signal });
  const videos = streams.filter((stream) => stream.codec_type === "video" && !stream.disposition?.attached_pic);
  const stream = videos.find((video) => video.disposition?.default === 1) ?? videos[0];
  if (stream === undefined) {
    const cover = streams.some((one) => one.codec_type === "video");
    const what = cover ? "the only picture in it is a cover image" : "it has no video stream";
    const sound = streams.some((one) => one.codec_type === "audio") ? " (sound only)" : "";
    throw new FileProblem(path, {
      attempt: "read",
      code: "no_video_stream",
      fact: what + sound,
      cure: "replace it with a video or remove it",
    });
  }
  if (!stream.codec_name || stream.codec_name === "none" || stream.codec_name === "unknown") {
    throw new FileProblem(path, {
      attempt: "read",
      code: "unsupported_codec",
      fact: `ffmpeg has no decoder for its codec (tag ${stream.codec_tag_string ?? "unknown"})`,
      cure: "re-encode it as H.264, or install a fuller ffmpeg",
    });
  }
  if (!stream.width || !stream.height || !stream.pix_fmt) {
    throw new FileProblem(path, {
      attempt: "read",
      code: "truncated_no_index",
      fact: `its ${stream.codec_name} stream has no readable picture size`,
      cure: "the file is damaged or cut off: replace it",
    });
  }
  checkPixels(path, { width: stream.width, height: stream.height });
  const orientation = orientationOf(stream.side_data_list?.find((data) => data.displaymatrix)?.displaymatrix);
  const sar = parseRatio(stream.sample_aspect_ratio, ":");
  const pixelAspect = sar === undefined ? 1 : toNumber(sar);
  const wide = pixelAspect >= 1 ? Math.round(stream.width * pixelAspect) : stream.width;
  const high = pixelAspect >= 1 ? stream.height : Math.round(stream.height / pixelAspect);
  const average = parseRatio(stream.avg_frame_rate, "/");
  const statedRate = parseRatio(stream.r_frame_rate, "/") ?? average;
  const tickRatio = parseRatio(stream.time_base, "/");
  const tick = tickRatio === undefined ? 0 : toNumber(tickRatio);
  const nominal = average ?? statedRate;
  const stated = Number(stream.duration ?? container.duration ?? 0) || 0;
  const listed = options.timestamps === false ? undefined : await listFrames(path, stream.index, {
    rate: nominal,
    statedRate,
    tick,
    statedDuration: stated,
    signal: options.signal,
  });
  const hasAudio = streams.some((one) => one.codec_type === "audio");
  const promised = ({ end, ticks, tick }: Timeline): number => {
    if (stream.duration !== undefined) return stated;
    if (hasAudio || stated === 0) return end;
    return stated - Math.max(0, ticks.first * tick); // the container's, counted from its time 0
  };
  const fps = average !== undefined
    ? toNumber(average)
    : listed !== undefined && listed.end > 0
    ? listed.numFrames / listed.end
    : 0;
  return {
    path,
    isImage: false,
    container: container.format_name ?? "unknown",
    codec: stream.codec_name,
    pixelFormat: stream.pix_fmt,
    codedWidth: stream.width,
    codedHeight: stream.height,
    width: orientation >= 5 ? high : wide,
    height: orientation >= 5 ? wide : high,
    orientation,
    fps,
    statedRate,
    tick,
    duration: listed?.end ?? stated,
    statedDuration: listed === undefined ? stated : promised(listed),
    timeline: listed,
    streamIndex: stream.index,
    numVideoStreams: videos.length,
    hasAudio,
    hasAlpha: hasAlpha(stream.pix_fmt),
    interlaced: ["tt", "bb", "tb", "bt"].includes(stream.field_order ?? ""),
    hdr: ["smpte2084", "arib-std-b67"].includes(stream.color_transfer ?? ""),
  };
}

async function listFrames(
  path: string,
  streamIndex: number,
  { signal, ...facts }: TimelineFacts & { signal: AbortSignal | undefined },
): Promise<Timeline> {
  const args = [
    ...readerArgs("error"),
    ...["-of", "csv=p=0", "-select_streams", String(streamIndex), "-show_entries", "packet=pts,duration,flags"],
    ...INPUT_GUARD,
    ...["-i", fileUrl(path)],
  ];
  const packets = new PacketList();
  await readLinesOfFile(path, args, { signal, onOutput: (line) => packets.add(line) });
  const timeline = packets.timeline(facts);
  if (timeline !== undefined) return timeline;
  throw new FileProblem(path, {
    attempt: "read",
    code: "truncated",
    fact: "it holds no frames",
    cure: "the file is damaged or cut off: replace it",
  });
}

/**
 * The orientation in a display matrix as ffprobe prints it: three rows of three integers, 16.16 fixed point; x' = a x +
 * c y, y' = b x + d y. Angles that are no multiple of 90 degrees count as upright.
 */
export function orientationOf(matrix: string | undefined): Orientation {
  if (matrix === undefined) return 1;
  const rows = matrix.trim().split("\n").map((row) => row.split(":")[1]?.trim().split(/\s+/).map(Number) ?? []);
  const signs = [rows[0]?.[0], rows[0]?.[1], rows[1]?.[0], rows[1]?.[1]].map((entry) => Math.sign(entry ?? 0));
  const table: Record<string, Orientation> = {
    "1,0,0,1": 1,
    "-1,0,0,1": 2,
    "-1,0,0,-1": 3,
    "1,0,0,-1": 4,
    "0,1,1,0": 5,
    "0,1,-1,0": 6,
    "0,-1,-1,0": 7,
    "0,-1,1,0": 8,
  };
  return table[signs.join(",")] ?? 1;
}
