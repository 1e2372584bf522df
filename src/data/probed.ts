/** What a file is and holds, from what is known of it where it did not change since. */

import { sha256File } from "../base/mod.ts";
import { findPrograms, type MediaInfo, probe } from "../media/mod.ts";
import type { FileFacts, FileState } from "./file_facts.ts";

/** Changes whenever `probe` says something else about the same file. */
const PROBE_RULE = 1;

/** What {@linkcode probe} says of a file. @throws as `probe`; a failure is not kept */
export async function probedInfo(
  state: FileState,
  { facts, signal }: { facts: FileFacts; signal: AbortSignal | undefined },
): Promise<MediaInfo> {
  const kind = `probe/${PROBE_RULE}/${(await findPrograms()).version}`; // another ffmpeg may see more
  const known = facts.of(state)[kind];
  if (known !== undefined) return unpack(known as PackedInfo);
  const info = await probe(state.path, { signal });
  facts.keep(state, kind, pack(info));
  return info;
}

/** SHA-256 of a file's bytes. @throws errors of the system */
export async function contentHash(state: FileState, facts: FileFacts): Promise<string> {
  return await facts.remember(state, "sha256", () => sha256File(state.path));
}

type PackedInfo = Omit<MediaInfo, "frameTimes"> & { readonly times?: PackedTimes };

/** Ascending times: ticks from one to the next with how often that comes in a row, or the times themselves. */
export type PackedTimes =
  | { readonly num: number; readonly den: number; readonly runs: readonly (readonly [ticks: number, times: number])[] }
  | { readonly seconds: readonly number[] };

function pack({ frameTimes, ...info }: MediaInfo): PackedInfo {
  if (frameTimes === undefined) return info;
  const { statedRate, tick } = info;
  const clocks = [...(statedRate === undefined ? [] : [statedRate]), { num: 1, den: tick }];
  return { ...info, times: packTimes(frameTimes, clocks) };
}

/** The times are unpacked when they are asked for: of many files at once they would fill the memory. */
function unpack({ times, ...info }: PackedInfo): MediaInfo {
  return {
    ...info,
    get frameTimes(): readonly number[] | undefined {
      return times === undefined ? undefined : unpackTimes(times);
    },
  };
}

/**
 * Packs times so that they come back exactly.
 * @param clocks ticks a second, as num / den, that may fit; the first that does is taken
 */
export function packTimes(
  times: readonly number[],
  clocks: readonly { readonly num: number; readonly den: number }[],
): PackedTimes {
  for (const { num, den } of clocks) {
    const runs: [number, number][] = [];
    let before = 0;
    for (const time of times) {
      const tick = Math.round(time * num / den);
      const run = runs.at(-1);
      if (run !== undefined && run[0] === tick - before) run[1]++;
      else runs.push([tick - before, 1]);
      before = tick;
    }
    const packed = { num, den, runs };
    const back = unpackTimes(packed);
    if (times.every((time, k) => time === back[k])) return packed;
  }
  return { seconds: times };
}

/** The times that were packed. */
export function unpackTimes(packed: PackedTimes): number[] {
  if ("seconds" in packed) return [...packed.seconds];
  const { num, den, runs } = packed;
  const times: number[] = [];
  let tick = 0;
  for (const [ticks, count] of runs) {
    for (let k = 0; k < count; k++) times.push((tick += ticks) * den / num);
  }
  return times;
}
