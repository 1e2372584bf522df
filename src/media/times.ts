/** Timestamps: ticks of a container as seconds, and the rule by which frames are chosen for another frame rate. */

/** An exact ratio of two integers. */
export interface Ratio {
  readonly num: number;
  readonly den: number;
}

/** Slack in seconds when a frame's time is compared with an output time. */
export const TIME_SLACK = 1e-6;
/** Ticks at least this long (seconds) round the times of usual frame rates visibly: Matroska and WebM have 1 ms. */
const COARSE_TICK = 1e-4;

/** Reads `30000/1001` or `16:9`. Undefined for anything without a positive value, such as `0/0`. */
export function parseRatio(text: string | undefined, separator: "/" | ":"): Ratio | undefined {
  const [num, den] = (text ?? "").split(separator).map(Number);
  if (num === undefined || den === undefined || !(num > 0) || !(den > 0)) return undefined;
  return { num, den };
}

/** The value of a ratio. */
export function toNumber({ num, den }: Ratio): number {
  return num / den;
}

/**
 * Puts a time that a coarse tick has rounded back onto the grid of the stated frame rate. A file with whole milliseconds
 * says 0.042 for the second frame at 24 fps; taken literally, that frame would come too late for 1/24 s. Times further
 * from the grid than one tick, and all times of fine ticks, are left alone.
 * @param seconds time from the first frame
 */
export function snapTime(seconds: number, options: { tick: number; rate: Ratio | undefined }): number {
  const { tick, rate } = options;
  if (rate === undefined || tick < COARSE_TICK || rate.den / rate.num < 3 * tick) return seconds;
  const onGrid = Math.round(seconds * rate.num / rate.den) * rate.den / rate.num;
  return Math.abs(onGrid - seconds) <= tick * 1.001 ? onGrid : seconds;
}

/**
 * The source frame for each output frame: output frame k is the last source frame whose time is at most
 * `start + k / fps` (plus {@linkcode TIME_SLACK}); before the first frame it is the first.
 * @param times seconds from the first frame, ascending
 * @returns indices into `times`
 */
export function chooseFrames(
  times: readonly number[],
  options: { fps: number; numFrames: number; start?: number },
): number[] {
  const { fps, numFrames, start = 0 } = options;
  const chosen: number[] = [];
  let source = Math.max(0, firstAfter(times, start + TIME_SLACK) - 1);
  for (let k = 0; k < numFrames; k++) {
    const wanted = start + k / fps + TIME_SLACK;
    while (source + 1 < times.length && (times[source + 1] ?? Infinity) <= wanted) source++;
    chosen.push(source);
  }
  return chosen;
}

/** Index of the first of some ascending times that is greater than `time`; their number if none is. */
function firstAfter(times: readonly number[], time: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? 0) > time) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** How many output frames begin before a video of `duration` seconds ends, counted from `start`. */
export function countFrames(duration: number, options: { fps: number; start?: number }): number {
  const length = duration - (options.start ?? 0);
  return Math.max(0, Math.ceil(length * options.fps - TIME_SLACK * options.fps));
}
