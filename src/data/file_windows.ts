/** The entries that planned files need: one for each window and kind, under keys made of all that shapes them. */

import type { DataConfig } from "../config/mod.ts";
import { CACHE_KINDS, type CacheKey, cacheKey, type CacheKind, type WindowKind } from "./cache.ts";
import type { RejectedFile } from "./codes.ts";
import { ItemTable, type OwnItem } from "./item_table.ts";
import { type KeyColumns, packKeys } from "./key_columns.ts";
import type { PlannedFile, PlannedWindow, Rejections } from "./plan.ts";
import type { PrepareOptions } from "./prepare.ts";
import { textKey } from "./text_keys.ts";
import type { Window } from "./window.ts";

/** Changes whenever frames are chosen, turned, scaled or cut by another rule, so that old latents are not taken. */
export const FRAME_RULE = 2;

/** A file with all its windows: each variant of each of its items. */
export interface FileWindows {
  readonly planned: PlannedFile;
  readonly windows: readonly PlannedWindow[];
}

/** All entries of a file. What each depends on is in its key. */
export function windowsOf(planned: PlannedFile, options: PrepareOptions): FileWindows {
  const { content, image, mask } = planned;
  const { spatialStride, temporalStride } = options.geometry;
  const encoder = options.fingerprints.video;
  const entry = (kind: WindowKind, window: Window, parts: Readonly<Record<string, unknown>>): PlannedWindow => {
    return { planned, window, kind, key: cacheKey(kind, { ...parts, window, rule: FRAME_RULE }) };
  };
  const windows = planned.plan.items.flatMap(({ variants }) => variants).flatMap((window) => [
    entry("latents", window, { content, encoder }),
    ...(options.encodeCondition === undefined
      ? []
      : [entry("condition", window, { content, image: image?.content, encoder })]),
    ...(mask === undefined ? [] : [entry("mask", window, { content: mask.content, spatialStride, temporalStride })]),
  ]);
  return { planned, windows };
}

/** The keys of all texts that may be asked for. */
export function textKeysOf(
  used: readonly PlannedFile[],
  { config, options }: { config: DataConfig; options: PrepareOptions },
): Map<string, CacheKey> {
  const texts = new Set(used.flatMap(({ file }) => file.captions));
  for (const prompt of options.prompts ?? []) texts.add(prompt);
  if (config.captionDropout > 0 && used.length > 0) texts.add("");
  const encoder = options.fingerprints.text;
  return new Map([...texts].map((caption) => [caption, textKey(caption, encoder)]));
}

/** The keys of everything that is needed. */
export function keyColumnsOf(files: readonly FileWindows[], texts: Uint8Array): KeyColumns {
  const windows = files.flatMap((file) => file.windows);
  const ofKind = (wanted: CacheKind): Uint8Array =>
    packKeys(windows.flatMap(({ kind, key }) => kind === wanted ? [key] : []));
  return { latents: ofKind("latents"), condition: ofKind("condition"), mask: ofKind("mask"), text: texts };
}

/** The windows that are missing, each key once. */
export function missingWindows(
  files: readonly FileWindows[],
  missing: Readonly<Record<CacheKind, ReadonlySet<CacheKey>>>,
): PlannedWindow[] {
  if (CACHE_KINDS.every((kind) => missing[kind].size === 0)) return [];
  const windows = files.flatMap((file) => file.windows).filter(({ kind, key }) => missing[kind].has(key));
  return [...new Map(windows.map((window) => [window.key, window])).values()];
}

/** The files all of whose windows are there; the others, those of the same content included, are rejected. */
export function withoutFailed(
  files: readonly FileWindows[],
  { failed, rejections }: { failed: ReadonlyMap<CacheKey, RejectedFile>; rejections: Rejections },
): readonly FileWindows[] {
  if (failed.size === 0) return files;
  const told = new Set(rejections.list.map(({ path }) => path));
  return files.filter(({ planned: { file: { path } }, windows }) => {
    const reason = windows.map(({ key }) => failed.get(key)).find((rejected) => rejected !== undefined);
    if (reason !== undefined && !told.has(path)) rejections.add({ ...reason, path });
    return reason === undefined;
  });
}

/** The items of some files. */
export function itemsOf(files: readonly FileWindows[]): ItemTable {
  return ItemTable.of(files.map((file) => {
    const { planned: { file: { path, captions, repeats, weight }, content } } = file;
    return { file: { path, content, captions, repeats, weight }, items: ownItems(file) };
  }));
}

function ownItems({ planned, windows }: FileWindows): OwnItem[] {
  const keysOf = (wanted: WindowKind): CacheKey[] => windows.flatMap(({ kind, key }) => kind === wanted ? [key] : []);
  const keys = { latents: keysOf("latents"), condition: keysOf("condition"), mask: keysOf("mask") };
  let at = 0;
  return planned.plan.items.flatMap(({ variants }) => {
    const own = (list: readonly CacheKey[]): readonly CacheKey[] => list.slice(at, at + variants.length);
    const [latentsKeys, conditionKeys, maskKeys] = [own(keys.latents), own(keys.condition), own(keys.mask)];
    at += variants.length;
    const [first] = variants;
    if (first === undefined) return [];
    const { frames, fps, speed, crop: { width, height } } = first;
    return [{ frames, fps, speed, width, height, latentsKeys, conditionKeys, maskKeys }];
  });
}
