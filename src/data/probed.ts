/** What a file is and holds, from what is known of it where it did not change since. */

import { sha256File } from "../base/mod.ts";
import { findCuts, type MediaInfo, probe, type SceneFacts } from "../media/mod.ts";
import type { FileFacts, FileState } from "./file_facts.ts";
import { type Glance, glanceAt } from "./glance.ts";

/** Changes whenever `probe` says something else about the same file. */
const PROBE_RULE = 2;
/** Changes whenever `findCuts` finds other cuts in the same file. */
const CUTS_RULE = 1;
/** Changes whenever `glanceAt` sees something else in the same file. */
const GLANCE_RULE = 1;

/** What {@linkcode probe} says of a file. @throws as `probe`; a failure is not kept */
export async function probedInfo(
  state: FileState,
  { facts, version, signal }: {
    facts: FileFacts;
    /** Of ffmpeg: another one may see more. */
    version: string;
    signal: AbortSignal | undefined;
  },
): Promise<MediaInfo> {
  return await facts.remember(state, `probe/${PROBE_RULE}/${version}`, () => probe(state.path, { signal }));
}

/** SHA-256 of a file's bytes. @throws errors of the system */
export async function contentHash(state: FileState, facts: FileFacts): Promise<string> {
  return await facts.remember(state, "sha256", () => sha256File(state.path));
}

/** Cuts and black stretches, see {@linkcode findCuts}. @throws as `findCuts` */
export async function knownScenes(
  info: MediaInfo,
  { state, facts, signal }: { state: FileState; facts: FileFacts; signal: AbortSignal | undefined },
): Promise<SceneFacts> {
  if (info.isImage) return { cuts: [], black: [] };
  return await facts.remember(state, `cuts/${CUTS_RULE}`, () => findCuts(info, { signal }));
}

/** A few small frames of it, see {@linkcode glanceAt}; undefined where they cannot be decoded. */
export async function knownGlance(
  info: MediaInfo,
  { state, facts, signal }: { state: FileState; facts: FileFacts; signal: AbortSignal | undefined },
): Promise<Glance | undefined> {
  const look = async (): Promise<Glance | null> => await glanceAt(info, signal) ?? null;
  return await facts.remember(state, `glance/${GLANCE_RULE}`, look) ?? undefined;
}
