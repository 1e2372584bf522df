/** Files that show the same: which of them is the one to keep. */

import type { MediaInfo } from "../media/mod.ts";
import type { Glance } from "./glance.ts";
import { HashIndex } from "./hash_index.ts";

/** A file among which duplicates are looked for. */
export interface Candidate {
  readonly info: Pick<MediaInfo, "isImage" | "width" | "height" | "duration">;
  /** SHA-256 of its bytes. */
  readonly content: string;
  readonly glance?: Glance | undefined;
}

/** A file that shows what a better one shows. */
export interface Duplicate<T extends Candidate> {
  readonly file: T;
  /** The larger, longer, or by its path first of those alike. */
  readonly kept: T;
  /** Byte by byte, or as a viewer would say. */
  readonly same: "content" | "picture";
}

/** Lengths and shapes of files that show the same may differ by this share. Chosen. */
const SLACK = 0.1;
/** Flat frames, such as those of a fade, say nothing; more of them than this and the file is compared by content only. */
const MOST_FLAT = 2;
const HASH_DIGITS = 16;

/**
 * Finds the files that show the same as another one: each is told once, beside the best of those it is like.
 * @param bits up to how many bits of 64 the hashes of their frames may differ on average
 */
export function findDuplicates<T extends Candidate>(files: readonly T[], { bits }: { bits: number }): Duplicate<T>[] {
  const duplicates: Duplicate<T>[] = [];
  const contents = new Map<string, T>();
  const looks = { still: new Looks<T>(bits), clip: new Looks<T>(bits) };
  for (const file of [...files].sort(bestFirst)) {
    const twin = contents.get(file.content);
    const kept = twin ?? looks[file.info.isImage ? "still" : "clip"].findOrAdd(file);
    if (kept !== undefined) duplicates.push({ file, kept, same: twin === undefined ? "picture" : "content" });
    else contents.set(file.content, file);
  }
  return duplicates;
}

/** The files kept so far, by what they show. */
class Looks<T extends Candidate> {
  readonly #bits: number;
  readonly #kept: T[] = [];
  #index: HashIndex | undefined;

  constructor(bits: number) {
    this.#bits = bits;
  }

  /** A file that shows the same; else undefined, and this one is kept. */
  findOrAdd(file: T): T | undefined {
    const hash = wholeHash(file.glance);
    if (hash === undefined) return undefined;
    this.#index ??= new HashIndex(hash.length, this.#bits * hash.length / HASH_DIGITS);
    const alike = this.#index.find(hash, (number) => isLike(file.info, this.#kept[number]?.info));
    if (alike !== undefined) return this.#kept[alike];
    this.#index.add(hash);
    this.#kept.push(file);
    return undefined;
  }
}

/** The hashes of all frames in a row; undefined where too few frames have content. */
function wholeHash(glance: Glance | undefined): string | undefined {
  if (glance === undefined) return undefined;
  const flat = glance.hashes.filter((hash) => hash === null).length;
  if (flat > MOST_FLAT || flat === glance.hashes.length) return undefined;
  return glance.hashes.map((hash) => hash ?? "0".repeat(HASH_DIGITS)).join("");
}

function isLike(a: Candidate["info"], b: Candidate["info"] | undefined): boolean {
  if (b === undefined) return false;
  const near = (x: number, y: number): boolean => Math.abs(x - y) <= SLACK * Math.max(x, y);
  return near(a.width / a.height, b.width / b.height) && near(a.duration, b.duration);
}

/** Larger before smaller, longer before shorter, else the order that they come in, which is that of their paths. */
function bestFirst({ info: a }: Candidate, { info: b }: Candidate): number {
  return b.width * b.height - a.width * a.height || b.duration - a.duration;
}
