/** The forms in which a video is written, told by its name, and how ffmpeg is asked for each. */

import { basename, extname } from "node:path";
import { ConfigError } from "../base/mod.ts";

/** What a video becomes: a file of one of three kinds, or a folder of PNG pictures. */
export type VideoForm = "mp4" | "webm" | "gif" | "png";
/** How its pictures are compressed, where there is a choice. */
export type VideoCodec = "h264" | "h265" | "vp9" | "av1";

/** Codecs that every player of the form knows, the usual one first. */
const CODECS: Record<VideoForm, readonly VideoCodec[]> = {
  mp4: ["h264", "h265"],
  webm: ["vp9", "av1"],
  gif: [],
  png: [],
};

/** Options of each encoder. The constant qualities lie where the loss is below what can be seen. Chosen. */
const ENCODERS: Record<VideoCodec, readonly string[]> = {
  h264: ["-c:v", "libx264", "-preset", "medium", "-crf", "12"],
  h265: [
    "-c:v",
    "libx265",
    "-preset",
    "medium",
    "-crf",
    "14",
    "-tag:v",
    "hvc1",
    "-x265-params",
    "log-level=error:info=0",
  ],
  vp9: ["-c:v", "libvpx-vp9", "-crf", "14", "-b:v", "0", "-row-mt", "1", "-cpu-used", "2"],
  av1: ["-c:v", "libaom-av1", "-crf", "12", "-b:v", "0", "-row-mt", "1", "-cpu-used", "6"],
};

/** Sides made even for 4:2:0, colours as HD has them. */
const YUV = [
  ...["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2,scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd"],
];
const YUV_COLORS = [
  ...["-pix_fmt", "yuv420p", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"],
  ...["-color_range", "tv"],
];
const BITEXACT = ["-fflags", "+bitexact", "-flags:v", "+bitexact", "-map_metadata", "-1"];

/**
 * The form that a name asks for: `.mp4`, `.webm`, `.gif`, or without an ending a folder of pictures.
 * @throws {ConfigError} for any other ending
 */
export function videoForm(path: string): VideoForm {
  const ending = extname(path).toLowerCase().slice(1);
  if (ending === "") return "png";
  if (ending === "mp4" || ending === "webm" || ending === "gif") return ending;
  throw new ConfigError(
    `Cannot write "${basename(path)}": videos are written as MP4, WebM, GIF or a folder of pictures`,
    {
      cure: "give it a name that ends in .mp4, .webm or .gif, or a folder's name without an ending",
    },
  );
}

/**
 * The codec to write a form with: the one wanted, else the usual one; undefined where there is no choice.
 * @throws {ConfigError} for one that the form cannot hold
 */
export function videoCodec(form: VideoForm, wanted: VideoCodec | undefined): VideoCodec | undefined {
  const codecs = CODECS[form];
  if (wanted === undefined || codecs.includes(wanted)) return wanted ?? codecs[0];
  const forms = (Object.keys(CODECS) as VideoForm[]).filter((other) => CODECS[other].includes(wanted));
  throw new ConfigError(`Cannot write ${form.toUpperCase()} with ${wanted}`, {
    cure: `leave the codec out, or write ${forms.map((other) => `.${other}`).join(" or ")}`,
  });
}

/** Frames a second of a GIF at most: its delays are hundredths, and players take one of them for a tenth of a second. */
const GIF_FPS = 50;

/** @throws {ConfigError} for a rate that the form cannot play */
export function checkRate(path: string, { form, fps }: { form: VideoForm; fps: number }): void {
  if (form !== "gif" || fps <= GIF_FPS) return;
  throw new ConfigError(
    `Cannot write "${basename(path)}" with ${fps} frames a second: a GIF plays at most ${GIF_FPS}`,
    {
      cure: `write .mp4 or .webm, or choose ${GIF_FPS} fps or fewer`,
    },
  );
}

/** ffmpeg's name of the encoder that a form is written with; undefined where it is not ffmpeg that writes. */
export function encoderName(form: VideoForm, codec: VideoCodec | undefined): string | undefined {
  if (form === "png") return undefined;
  return codec === undefined ? "gif" : ENCODERS[codec][1];
}

/** ffmpeg's options between input and output. */
export function encoderArgs(form: Exclude<VideoForm, "png">, codec: VideoCodec | undefined): string[] {
  if (form === "gif") {
    const palette = "split[a][b];[a]palettegen=stats_mode=full[p];[b][p]paletteuse=dither=sierra2_4a";
    return ["-filter_complex", palette, "-loop", "0", ...BITEXACT, "-f", "gif"];
  }
  const encoder = ENCODERS[codec ?? CODECS[form][0] ?? "h264"];
  const faststart = form === "mp4" ? ["-movflags", "+faststart"] : [];
  return [...YUV, ...encoder, ...YUV_COLORS, ...faststart, ...BITEXACT, "-f", form];
}
