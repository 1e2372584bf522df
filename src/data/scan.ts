/**
 * Which files of the sources are clips and stills, and which captions, picture and mask belong to each. Nothing is opened
 * but captions.
 *
 * Folders are read with everything below them; names that begin with a dot are passed over. The order is that of the
 * paths' bytes, whatever order the disk gives them in.
 */

import type { CountTokens } from "./caption_length.ts";
import { Captions } from "./captions.ts";
import { CaptionProblem, type Refusal, type RejectedFile } from "./codes.ts";
import { type Grounds, joinGrounds } from "./grounds.ts";
import { Layout } from "./layout.ts";
import { listSource } from "./list_source.ts";
import { ending, mediaKind } from "./media_names.ts";
import type { Source } from "./source.ts";

/** A file with its captions, not yet opened. */
export interface FoundFile {
  readonly path: string;
  /** What its ending says. */
  readonly kind: "clip" | "still";
  /** The prompts that it is shown with, one at a time; at least one. */
  readonly captions: readonly string[];
  readonly repeats: number;
  /** Factor of its loss. */
  readonly weight: number;
  /** Its place in `data.sources`. */
  readonly source: number;
  /** A picture that the clip is to begin with, where that is not its own first frame. */
  readonly image?: string | undefined;
  /** A clip or still that is bright where the loss counts. */
  readonly mask?: string | undefined;
  /** What the user should know, though the file is used. */
  readonly notes: readonly string[];
}

/** What a scan found. */
export interface ScanResult {
  readonly found: readonly FoundFile[];
  readonly rejected: readonly RejectedFile[];
  /** Files that are neither media nor anything about it. */
  readonly numIgnored: number;
  /** What all this rests on. */
  readonly grounds: Grounds;
}

/** Options of {@linkcode scanSources}. */
export interface ScanOptions {
  /** The model's tokenizer, so that the length of captions is exact. */
  readonly countTokens?: CountTokens | undefined;
}

/**
 * Lists the sources.
 * @throws {DataError} if a source does not exist
 */
export function scanSources(sources: readonly Source[], options: ScanOptions = {}): ScanResult {
  const result: Collected = { found: [], rejected: [], numIgnored: 0, seen: new Set(), grounds: [] };
  sources.forEach((source, index) => scanSource(source, { index, result, options }));
  const byPath = (a: { path: string }, b: { path: string }): number => compareBytes(a.path, b.path);
  const { found, rejected, numIgnored } = result;
  const grounds = joinGrounds(result.grounds);
  return { found: found.sort(byPath), rejected: rejected.sort(byPath), numIgnored, grounds };
}

/** What is collected over all sources. */
interface Collected {
  readonly found: FoundFile[];
  readonly rejected: RejectedFile[];
  readonly seen: Set<string>;
  readonly grounds: Grounds[];
  numIgnored: number;
}

function scanSource(
  source: Source,
  { index, result, options }: { index: number; result: Collected; options: ScanOptions },
): void {
  const { files, texts, lists, listed, problems, grounds } = listSource(source);
  result.grounds.push(grounds);
  const layout = new Layout([...files, ...texts]);
  const captions = new Captions({ layout, listed, rules: source.captions, countTokens: options.countTokens });
  result.rejected.push(...problems, ...listed.problems);
  const others: string[] = [];
  for (const { path, problem } of files) {
    const kind = mediaKind(path);
    if (kind === undefined) others.push(path);
    if (kind === undefined || layout.isCompanion(path) || listed.isCompanion(path)) continue;
    const refusal = result.seen.has(path) ? TWICE : kind === "other" ? unsupported(path) : problem;
    result.seen.add(path);
    if (refusal !== undefined || kind === "other") {
      if (refusal !== undefined) result.rejected.push({ path, ...refusal });
      continue;
    }
    try {
      const { prompts, notes } = captions.of(path);
      const { repeats, weight } = source;
      const entry = listed.of(path);
      const image = entry?.image ?? layout.imageOf(path);
      const mask = entry?.mask ?? layout.maskOf(path);
      result.found.push({ path, kind, captions: prompts, repeats, weight, source: index, image, mask, notes });
    } catch (error) {
      if (!(error instanceof CaptionProblem)) throw error;
      result.rejected.push({ path, reason: error.message, cure: error.cure, code: error.code });
      result.rejected.push(...listed.captionless(path));
    }
  }
  result.numIgnored += others.filter((path) => !captions.isUsed(path) && !lists.has(path)).length;
}

const TWICE: Refusal = { code: "listed_twice", reason: "it is listed by another source already" };

function unsupported(path: string): Refusal {
  const reason = `files ending in ${ending(path)} are not read`;
  return { code: "unsupported_format", reason, cure: "convert it to MP4, or to PNG if it is a picture" };
}

/** The order of the UTF-8 bytes, told from the UTF-16 units: only surrogates are out of place among them. */
export function compareBytes(a: string, b: string): number {
  const least = Math.min(a.length, b.length);
  for (let at = 0; at < least; at++) {
    const [x, y] = [a.charCodeAt(at), b.charCodeAt(at)];
    if (x === y) continue;
    const isSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdfff;
    if (isSurrogate(x) !== isSurrogate(y) && x >= 0xd800 && y >= 0xd800) return isSurrogate(x) ? 1 : -1;
    return x - y;
  }
  return a.length - b.length;
}
