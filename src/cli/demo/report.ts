/** What the demo shows: a table, two videos, a contact sheet. */
import { join } from "node:path";
import { contactSheet, writePng, writeVideo } from "../../media/mod.ts";
import type { SampledVideo } from "../../train/mod.ts";
import { columns } from "../table.ts";
import type { ClipResult, ClipVideos } from "./measure.ts";

/** Means over the clips: what `--json` ends with. */
export interface DemoSummary {
  readonly lossBefore: number;
  readonly lossAfter: number;
  readonly psnrBefore: number;
  readonly psnrAfter: number;
}

export function summarize(clips: readonly ClipResult[]): DemoSummary {
  const mean = (pick: (clip: ClipResult) => number): number =>
    clips.reduce((sum, clip) => sum + pick(clip), 0) / clips.length;
  return {
    lossBefore: mean((clip) => clip.lossBefore),
    lossAfter: mean((clip) => clip.lossAfter),
    psnrBefore: mean((clip) => clip.psnrBefore),
    psnrAfter: mean((clip) => clip.psnrAfter),
  };
}

/** Loss and PSNR of each clip and on average, as lines. */
export function resultTable(clips: readonly ClipResult[]): string[] {
  const row = (name: string, clip: DemoSummary): string[] => [
    name,
    clip.lossBefore.toFixed(3),
    clip.lossAfter.toFixed(3),
    `${clip.psnrBefore.toFixed(1)} dB`,
    `${clip.psnrAfter.toFixed(1)} dB`,
  ];
  return columns([
    ["clip", "loss before", "loss after", "sample before", "sample after"],
    ...clips.map((clip) => row(clip.name, clip)),
    row("mean", summarize(clips)),
  ]);
}

/** Writes `before.mp4` and `after.mp4` (all clips side by side) and `contact-sheet.png`. */
export async function writeShow(
  folder: string,
  videos: readonly ClipVideos[],
): Promise<{ before: string; after: string; contactSheet: string }> {
  const paths = {
    before: join(folder, "before.mp4"),
    after: join(folder, "after.mp4"),
    contactSheet: join(folder, "contact-sheet.png"),
  };
  for (const moment of ["before", "after"] as const) {
    const wide = sideBySide(videos.map((video) => video[moment]));
    await writeVideo(paths[moment], wide.pixels, wide);
  }
  const rows = videos.flatMap(({ name, target, before, after }) => [
    { label: `${name}: target`, frames: target.pixels },
    { label: `${name}: before`, frames: before.pixels },
    { label: `${name}: after`, frames: after.pixels },
  ]);
  const [{ target: { width, height } }] = videos as [ClipVideos];
  const sheet = contactSheet(rows, { width, height });
  writePng(paths.contactSheet, sheet.rgb, sheet);
  return paths;
}

/** Videos of one size as one, next to each other. */
function sideBySide(videos: readonly SampledVideo[]): SampledVideo {
  const [first] = videos as [SampledVideo];
  const { width, height, fps } = first;
  const numFrames = first.pixels.length / (width * height * 3);
  const pixels = new Uint8Array(first.pixels.length * videos.length);
  let at = 0;
  for (let row = 0; row < numFrames * height; row++) {
    for (const video of videos) {
      pixels.set(video.pixels.subarray(row * width * 3, (row + 1) * width * 3), at);
      at += width * 3;
    }
  }
  return { pixels, width: width * videos.length, height, fps };
}
