/**
 * When the frames of a clip are shown and which of them can be decoded by themselves, from the list of its packets. Kept
 * as runs of equal steps, so that an hour at a steady rate takes no more room than a second.
 */

import { type Ratio, snapTime } from "./times.ts";

/** Ascending whole numbers: the first, and how often which step follows. */
export interface Runs {
  readonly first: number;
  readonly steps: readonly (readonly [times: number, step: number])[];
}

/** The frames of a clip in the order in which they are shown. */
export interface Timeline {
  readonly numFrames: number;
  /** Whether the file states the times of its frames; else they are spaced by the average rate, from 0. */
  readonly stamped: boolean;
  /** Seconds that one tick lasts. */
  readonly tick: number;
  /** When each frame is shown, in ticks of the container's own clock. */
  readonly ticks: Runs;
  /** The stated frame rate, onto whose grid coarse times are put back. */
  readonly rate: Ratio | undefined;
  /** Indices of the frames that the container marks as decodable by themselves. */
  readonly keys: Runs;
  /** The end of the last frame, in seconds from the first frame. */
  readonly end: number;
}

/** What is known about a stream before its packets are read. */
export interface TimelineFacts {
  /** Average frame rate. */
  readonly rate: Ratio | undefined;
  readonly statedRate: Ratio | undefined;
  readonly tick: number;
  readonly statedDuration?: number;
}

/** Packs ascending whole numbers. */
export function packRuns(values: readonly number[]): Runs {
  const steps: [number, number][] = [];
  for (let at = 1; at < values.length; at++) {
    const step = (values[at] ?? 0) - (values[at - 1] ?? 0);
    const last = steps.at(-1);
    if (last?.[1] === step) last[0]++;
    else steps.push([1, step]);
  }
  return { first: values[0] ?? 0, steps };
}

/** The numbers of {@linkcode packRuns}. */
export function unpackRuns({ first, steps }: Runs): number[] {
  const values = [first];
  let value = first;
  for (const [times, step] of steps) {
    for (let n = 0; n < times; n++) values.push(value += step);
  }
  return values;
}

/** The times that were asked for last: what is planned for a file asks for them several times. */
let latest: { readonly timeline: Timeline; readonly times: readonly number[] } | undefined;

/** Seconds of each frame from the first one, ascending. */
export function frameTimes(timeline: Timeline): readonly number[] {
  if (latest?.timeline === timeline) return latest.times;
  const { ticks, tick, rate, stamped } = timeline;
  const snap = { tick, rate: stamped ? rate : undefined };
  const times = unpackRuns(ticks).map((value) => snapTime((value - ticks.first) * tick, snap));
  latest = { timeline, times };
  return times;
}

/** Seconds of the frames that can be decoded by themselves, as {@linkcode frameTimes}. */
export function keyTimes(timeline: Timeline): number[] {
  const times = frameTimes(timeline);
  return unpackRuns(timeline.keys).flatMap((index) => times[index] ?? []);
}

/** The time line of a still picture. */
export const STILL_TIMELINE: Timeline = {
  numFrames: 1,
  stamped: false,
  tick: 0,
  ticks: { first: 0, steps: [] },
  rate: undefined,
  keys: { first: 0, steps: [] },
  end: 0,
};

/**
 * Collects packets as ffprobe lists them, one `pts,duration,flags` a line, in decoding order. Packets that the container
 * hides (flag D) are left out.
 */
export class PacketList {
  readonly #shown: { readonly pts: number; readonly duration: number; readonly key: boolean }[] = [];

  add(line: string): void {
    const [pts, duration, flags] = line.split(",");
    if (pts === undefined || flags === undefined || flags.includes("D")) return;
    this.#shown.push({ pts: Number(pts), duration: Number(duration), key: flags.includes("K") });
  }

  /**
   * The time line. Where a time is missing, frames are spaced by the average rate. The last frame lasts as long as its
   * packet says, else to the stated duration, else one average interval.
   * @returns undefined if there is no frame
   */
  timeline(facts: TimelineFacts): Timeline | undefined {
    const shown = this.#shown;
    if (shown.length === 0) return undefined;
    const interval = facts.rate === undefined ? 1 / 25 : facts.rate.den / facts.rate.num;
    const stamped = facts.tick > 0 && shown.every(({ pts }) => Number.isFinite(pts));
    if (stamped) shown.sort((a, b) => a.pts - b.pts);
    const keys = shown.flatMap(({ key }, index) => key ? [index] : []);
    const common = {
      numFrames: shown.length,
      stamped,
      rate: facts.statedRate,
      keys: packRuns(keys.length === 0 ? [0] : keys),
    };
    if (!stamped) {
      const ticks = packRuns(shown.map((_, index) => index));
      return { ...common, tick: interval, ticks, end: shown.length * interval };
    }
    const { tick } = facts;
    const ticks = packRuns(shown.map(({ pts }) => pts));
    const last = shown.at(-1) ?? { pts: 0, duration: 0 };
    const snap = { tick, rate: facts.statedRate };
    const lastTime = snapTime((last.pts - ticks.first) * tick, snap);
    const stated = (facts.statedDuration ?? 0) - lastTime; // the last frame may have no duration of its own
    const hold = last.duration > 0 ? last.duration * tick : stated > 0 && stated < 2 * interval ? stated : interval;
    return { ...common, tick, ticks, end: snapTime(lastTime + hold, snap) };
  }
}
