/**
 * Which files of the sources are clips and stills, and which caption belongs to each. Nothing is opened but captions.
 *
 * Folders are read with everything below them; names that begin with a dot are passed over. The order is that of the
 * paths' bytes, whatever order the disk gives them in.
 */

import { Buffer } from "node:buffer";
import { basename, dirname, extname, join } from "node:path";
import { DataError, errorCode, messageOf } from "../base/mod.ts";
import { quoteName } from "../media/mod.ts";
import { decodeCaption } from "./caption.ts";
import { listTree, type TreeFile } from "./tree.ts";

/** A source of clips: an entry of `data.sources`, its path absolute. */
export interface Source {
  readonly path: string;
  readonly repeats: number;
}

/** A file with a caption, not yet opened. */
export interface FoundFile {
  readonly path: string;
  /** What its ending says. */
  readonly kind: "clip" | "still";
  readonly caption: string;
  readonly repeats: number;
  /** What the user should know, though the file is used. */
  readonly notes: readonly string[];
}

/** A file that is left out. */
export interface RejectedFile {
  readonly path: string;
  readonly reason: string;
  readonly cure?: string | undefined;
}

/** What a scan found. */
export interface ScanResult {
  readonly found: readonly FoundFile[];
  readonly rejected: readonly RejectedFile[];
  /** Files that are neither media nor a caption of one. */
  readonly numIgnored: number;
}

const CLIPS = new Set([".mp4", ".mov", ".avi", ".webm", ".mkv", ".gif"]);
const STILLS = new Set([".jpg", ".jpeg", ".png", ".webp"]);
/** Media that is named as unsupported rather than passed over. */
const OTHERS = new Set(
  ".m4v .mpg .mpeg .m2ts .mts .ts .wmv .flv .ogv .3gp .bmp .tif .tiff .avif .heic .heif .jxl".split(" "),
);

/**
 * Lists the sources.
 * @throws {DataError} if a source does not exist
 */
export function scanSources(
  sources: readonly Source[],
  options: { triggerWord?: string | undefined } = {},
): ScanResult {
  const found: FoundFile[] = [];
  const rejected: RejectedFile[] = [];
  const seen = new Set<string>();
  let numIgnored = 0;
  for (const source of sources) {
    const tree = listSource(source.path);
    rejected.push(...tree.problems);
    const captions = captionsByStem(tree.files);
    const media = tree.files.filter(({ path }) => CLIPS.has(ending(path)) || STILLS.has(ending(path)));
    const shared = sharedStems(media);
    const used = new Set<string>();
    let numOthers = 0;
    for (const file of tree.files) {
      const kind = CLIPS.has(ending(file.path)) ? "clip" : STILLS.has(ending(file.path)) ? "still" : undefined;
      if (kind === undefined) {
        if (!OTHERS.has(ending(file.path))) continue;
        rejected.push(unsupported(file.path));
        numOthers++;
        continue;
      }
      if (seen.has(file.path)) {
        rejected.push({ path: file.path, reason: "it is listed by another source already" });
        continue;
      }
      seen.add(file.path);
      if (file.problem !== undefined) {
        rejected.push({ path: file.path, ...file.problem });
        continue;
      }
      const caption = captions.get(stem(file.path)) ?? captions.get(stem(file.path).normalize("NFC"));
      if (caption !== undefined) used.add(caption);
      try {
        const { text, notes } = readCaption(caption, options.triggerWord);
        const others = shared.get(stem(file.path)) ?? [];
        const sharing = others.length < 2 || caption === undefined
          ? []
          : [`${others.length} files share the caption ${quoteName(basename(caption))}`];
        found.push({ path: file.path, kind, caption: text, repeats: source.repeats, notes: [...notes, ...sharing] });
      } catch (error) {
        if (!(error instanceof DataError)) throw error;
        rejected.push({ path: file.path, reason: error.message, cure: error.cure });
      }
    }
    numIgnored += tree.files.length - media.length - numOthers - used.size;
  }
  const byPath = (a: { path: string }, b: { path: string }): number => compareBytes(a.path, b.path);
  return { found: found.sort(byPath), rejected: rejected.sort(byPath), numIgnored };
}

function listSource(path: string): ReturnType<typeof listTree> {
  let info: Deno.FileInfo;
  try {
    info = Deno.statSync(path);
  } catch (error) {
    const missing = errorCode(error) === "ENOENT";
    throw new DataError(
      `Cannot read the data source ${quoteName(path)}: ${missing ? "it does not exist" : messageOf(error)}`,
      { cure: "check data.sources in the config", cause: error },
    );
  }
  if (info.isDirectory) return listTree(path);
  const around = listTree(dirname(path), { recursive: false }); // for its caption
  const own = around.files.filter((file) => file.path === path || ending(file.path) === ".txt");
  return { files: own, problems: [] };
}

function readCaption(
  path: string | undefined,
  trigger: string | undefined,
): { text: string; notes: readonly string[] } {
  const bytes = path === undefined ? undefined : captionBytes(path);
  const caption = bytes === undefined ? undefined : decodeCaption(bytes);
  if (caption !== undefined && caption.text !== "") {
    return { text: trigger === undefined ? caption.text : `${trigger}, ${caption.text}`, notes: caption.notes };
  }
  if (trigger !== undefined) return { text: trigger, notes: ["it has no caption of its own but the trigger word"] };
  throw caption === undefined
    ? new DataError("it has no caption", {
      cure: "write a text file of the same name ending in .txt, or set data.triggerWord",
    })
    : new DataError("its caption is empty", { cure: "write what can be seen into it, or set data.triggerWord" });
}

function captionBytes(path: string): Uint8Array {
  try {
    return Deno.readFileSync(path);
  } catch (cause) {
    throw new DataError(`its caption cannot be read: ${messageOf(cause)}`, { cure: "make it readable", cause });
  }
}

/** Paths of caption files by the path without its ending; also under the composed (NFC) form of the name. */
function captionsByStem(files: readonly TreeFile[]): Map<string, string> {
  const captions = new Map<string, string>();
  const texts = files.filter(({ path }) => ending(path) === ".txt").map(({ path }) => path);
  for (const path of texts) captions.set(stem(path).normalize("NFC"), path);
  for (const path of texts) captions.set(stem(path), path); // the exact name wins
  return captions;
}

function sharedStems(media: readonly TreeFile[]): Map<string, string[]> {
  const stems = new Map<string, string[]>();
  for (const { path } of media) stems.set(stem(path), [...stems.get(stem(path)) ?? [], path]);
  return stems;
}

function unsupported(path: string): RejectedFile {
  const reason = `files ending in ${ending(path)} are not read`;
  return { path, reason, cure: "convert it to MP4, or to PNG if it is a picture" };
}

function ending(path: string): string {
  return extname(path).toLowerCase();
}

function stem(path: string): string {
  return join(dirname(path), basename(path, extname(path)));
}

/** The order of the UTF-8 bytes. */
export function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
