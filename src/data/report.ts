/** What becomes of a config's files, as one record: for people, for programs, and for a run's dashboard. */

import type { EventBody } from "../events/mod.ts";
import { type Crop, quoteName } from "../media/mod.ts";
import type { DataPlan, PlannedFile } from "./plan.ts";
import type { RejectedFile } from "./codes.ts";
import { coveredSeconds, type Window } from "./window.ts";

/** One stretch of a file that is shown. */
export interface ReportedWindow {
  /** Seconds from the file's first frame. */
  readonly start: number;
  /** Seconds of the file. */
  readonly seconds: number;
  readonly frames: number;
  readonly fps: number;
  /** 1 is real speed. */
  readonly speed: number;
  readonly crop: Crop;
  /** `832x480x49` */
  readonly bucket: string;
  /** How many ways of showing it there are. */
  readonly variants: number;
}

/** A file that is used. */
export interface ReportedFile {
  readonly path: string;
  readonly kind: "clip" | "still";
  readonly container: string;
  readonly codec: string;
  /** As shown: upright, with square pixels. */
  readonly width: number;
  readonly height: number;
  /** On average; 0 for a still. */
  readonly fps: number;
  /** Length; 0 for a still. */
  readonly seconds: number;
  /** Of it, what is shown by one window or more. */
  readonly secondsUsed: number;
  readonly captions: readonly string[];
  readonly repeats: number;
  readonly windows: readonly ReportedWindow[];
  /** What should be known about it. */
  readonly notes: readonly string[];
}

/** A bucket and what is in it. */
export interface ReportedBucket {
  readonly bucket: string;
  readonly width: number;
  readonly height: number;
  readonly frames: number;
  /** Windows and stills. */
  readonly items: number;
  /** The same, each counted as often as it comes up in an epoch. */
  readonly shown: number;
}

/** The data report. */
export interface DataReport {
  /** Of this record's form. */
  readonly version: 1;
  readonly fps: number;
  /** Both sides of a bucket are multiples of it. */
  readonly divisor: number;
  readonly totals: {
    readonly used: number;
    readonly rejected: number;
    /** Files that are neither clips, stills nor captions of one. */
    readonly ignored: number;
    readonly items: number;
    /** Of all used clips. */
    readonly seconds: number;
    readonly secondsUsed: number;
  };
  /** The one with most items first. */
  readonly buckets: readonly ReportedBucket[];
  /** In the order of their paths. */
  readonly files: readonly ReportedFile[];
  readonly rejected: readonly RejectedFile[];
}

/** Makes the report of a plan. Nothing is decoded. */
export function dataReport({ used, rejected, duplicates, settings, numIgnored }: DataPlan): DataReport {
  const alike = new Map(duplicates.map(({ file, kept }) => [file, kept.file.path]));
  const files = used.map((planned) => reportedFile(planned, alike.get(planned)));
  const sum = (of: (file: ReportedFile) => number): number => files.reduce((total, file) => total + of(file), 0);
  return {
    version: 1,
    fps: settings.fps,
    divisor: settings.divisor,
    totals: {
      used: used.length,
      rejected: rejected.length,
      ignored: numIgnored,
      items: sum(({ windows }) => windows.length),
      seconds: sum(({ seconds }) => seconds),
      secondsUsed: sum(({ secondsUsed }) => secondsUsed),
    },
    buckets: bucketsOf(files),
    files,
    rejected,
  };
}

/** The report without its files, as a run tells it. */
export function dataEvent({ totals, buckets }: DataReport): EventBody {
  return { type: "data", ...totals, buckets: buckets.map(({ bucket, items, shown }) => ({ bucket, items, shown })) };
}

/** @param alike a file that shows the same */
function reportedFile({ file, info, plan }: PlannedFile, alike: string | undefined): ReportedFile {
  const windows = plan.items.flatMap(({ bucket, variants }) => {
    const [first] = variants;
    return first === undefined ? [] : [reportedWindow(first, { bucket, variants: variants.length })];
  });
  const { container, codec, width, height, fps, duration } = info;
  const all = plan.items.flatMap(({ variants }) => variants);
  return {
    path: file.path,
    kind: info.isImage ? "still" : "clip",
    container,
    codec,
    width,
    height,
    fps,
    seconds: duration,
    secondsUsed: info.isImage ? 0 : coveredSeconds(all, duration),
    captions: file.captions,
    repeats: file.repeats,
    windows,
    notes: [...file.notes, ...plan.notes, ...(alike === undefined ? [] : [`it shows the same as ${quoteName(alike)}`])],
  };
}

function reportedWindow(window: Window, rest: { bucket: string; variants: number }): ReportedWindow {
  const { start, frames, fps, speed, crop } = window;
  const { bucket, variants } = rest;
  return { start, seconds: frames / fps * speed, frames, fps, speed, crop, bucket, variants };
}

function bucketsOf(files: readonly ReportedFile[]): ReportedBucket[] {
  const buckets = new Map<string, { -readonly [K in keyof ReportedBucket]: ReportedBucket[K] }>();
  for (const { windows, repeats } of files) {
    for (const { bucket, crop: { width, height }, frames } of windows) {
      const entry = buckets.get(bucket) ?? { bucket, width, height, frames, items: 0, shown: 0 };
      entry.items++;
      entry.shown += repeats;
      buckets.set(bucket, entry);
    }
  }
  return [...buckets.values()].sort((a, b) => b.items - a.items || (a.bucket < b.bucket ? -1 : 1));
}
