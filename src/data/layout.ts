/**
 * How the files of a source belong together, by their names alone: the text beside a clip, the text in a twin folder, and
 * the first picture and the mask of a clip.
 *
 *     a.mp4  a.txt                        beside: the same name, other ending (also `.caption`)
 *     videos/x/a.mp4  captions/x/a.txt    twins: the same path but for the folder's name
 *     a.mp4  captions/a.txt               or the texts in a folder of their own
 *     a.mp4  a.first.png  a.mask.mp4      picture and mask; also first_frames/a.png, masks/a.mp4, a-masklabel.png
 */

import { basename, dirname, join, sep } from "node:path";
import { ending, MEDIA_ENDINGS, mediaKind, stem } from "./media_names.ts";
import type { TreeFile } from "./tree.ts";

/** Names of folders that hold clips or stills, and may have a twin with their texts. */
export const MEDIA_FOLDERS: ReadonlySet<string> = new Set("videos video clips images image stills".split(" "));
/** Names of folders that hold the texts of a twin. */
export const TEXT_FOLDERS: ReadonlySet<string> = new Set("captions caption texts text prompts txt".split(" "));
const IMAGE_FOLDERS = new Set("first_frames start_images".split(" "));
const MASK_FOLDERS = new Set("masks mask".split(" "));
const IMAGE_NAME = /\.first$/;
const MASK_NAME = /(\.mask|-masklabel)$/;
const TEXT_ENDINGS = [".caption", ".txt"]; // the later one counts where both are there

/** What is put behind a clip's stem in the names of its picture and mask. */
export const COMPANION_ENDINGS: readonly string[] = [".first", ".mask", "-masklabel"].flatMap((own) =>
  MEDIA_ENDINGS.map((ending) => own + ending)
);

/** Where the text of a file may be, when its folder is not listed; the last that exists counts. */
export function textCandidates(path: string): string[] {
  const own = stem(path);
  const twins = [...TEXT_FOLDERS].flatMap((folder) => [
    join(dirname(own), folder, basename(own)),
    join(dirname(dirname(own)), folder, basename(own)),
  ]);
  return [...twins.map((twin) => `${twin}.txt`), ...TEXT_ENDINGS.map((ending) => own + ending)];
}

/** Who belongs to whom in a source. */
export class Layout {
  readonly #folders = {
    media: new FolderNames(MEDIA_FOLDERS),
    text: new FolderNames(TEXT_FOLDERS),
    image: new FolderNames(IMAGE_FOLDERS),
    mask: new FolderNames(MASK_FOLDERS),
  };
  readonly #texts = new Names(this.#folders.media);
  readonly #images = new Names(this.#folders.media);
  readonly #masks = new Names(this.#folders.media);
  readonly #partners = new Set<string>();
  readonly #sharing = new Map<string, number>();

  constructor(files: readonly TreeFile[]) {
    for (const own of TEXT_ENDINGS) {
      for (const { path } of files) if (ending(path) === own) this.#texts.add(path, stem(path), this.#folders.text);
    }
    const rest = files.filter(({ path }) => isUsable(path) && !this.#addCompanion(path));
    for (const { path } of rest) {
      for (const key of this.#folders.media.keysOf(stem(path))) this.#partners.add(key);
      const text = this.textOf(path);
      if (text !== undefined) this.#sharing.set(text, (this.#sharing.get(text) ?? 0) + 1);
    }
  }

  /** The text file of a clip or still. */
  textOf(path: string): string | undefined {
    return this.#texts.find(stem(path));
  }

  /** The picture that a clip is to begin with. */
  imageOf(path: string): string | undefined {
    return this.#images.find(stem(path));
  }

  /** The mask of a clip or still. */
  maskOf(path: string): string | undefined {
    return this.#masks.find(stem(path));
  }

  /** How many files a text file belongs to. */
  numSharing(text: string): number {
    return this.#sharing.get(text) ?? 0;
  }

  /** Whether a file is the picture or mask of another one that is there. */
  isCompanion(path: string): boolean {
    const partner = this.#partnerOf(path);
    return partner !== undefined && this.#folders.media.keysOf(partner.stem).some((key) => this.#partners.has(key));
  }

  #addCompanion(path: string): boolean {
    const partner = this.#partnerOf(path);
    if (partner === undefined) return false;
    (partner.kind === "image" ? this.#images : this.#masks).add(path, partner.stem);
    return true;
  }

  /** The stem of the clip that a picture or mask belongs to, if its name says that it is one. */
  #partnerOf(path: string): { kind: "image" | "mask"; stem: string } | undefined {
    const own = stem(path);
    if (IMAGE_NAME.test(own)) return { kind: "image", stem: own.replace(IMAGE_NAME, "") };
    if (MASK_NAME.test(own)) return { kind: "mask", stem: own.replace(MASK_NAME, "") };
    const image = this.#folders.image.without(own);
    if (image !== undefined) return { kind: "image", stem: image };
    const mask = this.#folders.mask.without(own);
    return mask === undefined ? undefined : { kind: "mask", stem: mask };
  }
}

/** Files under the stem that they belong to. Names are also found in their composed form (NFC). */
class Names {
  readonly #byStem = new Map<string, string>();
  readonly #media: FolderNames;

  constructor(media: FolderNames) {
    this.#media = media;
  }

  /** Adds a file under a stem and, if a folder on its way has one of some names, under the stem without it. */
  add(path: string, own: string, folders?: FolderNames): void {
    this.#set(own, path);
    const twin = folders?.without(own);
    if (twin !== undefined && !this.#byStem.has(twin)) this.#set(twin, path);
  }

  find(own: string): string | undefined {
    if (this.#byStem.size === 0) return undefined;
    for (const key of this.#media.keysOf(own)) {
      const path = this.#byStem.get(key) ?? this.#byStem.get(key.normalize("NFC"));
      if (path !== undefined) return path;
    }
    return undefined;
  }

  #set(key: string, path: string): void {
    this.#byStem.set(key, path);
    const composed = key.normalize("NFC");
    if (composed !== key && !this.#byStem.has(composed)) this.#byStem.set(composed, path);
  }
}

/** Folders of some names, and paths without them; each folder is looked at once. */
class FolderNames {
  readonly #names: ReadonlySet<string>;
  readonly #without = new Map<string, string | undefined>();
  /** The folder that was asked for last, and it without the one of the names: most files lie where the last one lay. */
  #last: { readonly folder: string; readonly rest: string | undefined } | undefined;

  constructor(names: ReadonlySet<string>) {
    this.#names = names;
  }

  /** A path without the last of its folders that has one of the names; undefined if none has. */
  without(path: string): string | undefined {
    const at = path.lastIndexOf(sep);
    let last = this.#last;
    if (last?.folder.length !== at || !path.startsWith(last.folder)) {
      const folder = path.slice(0, Math.max(at, 0));
      if (!this.#without.has(folder)) this.#without.set(folder, this.#find(folder));
      this.#last = last = { folder, rest: this.#without.get(folder) };
    }
    const { rest } = last;
    return rest === undefined ? undefined : rest + path.slice(at);
  }

  /** The stems under which what belongs to a clip may be found: its own, and that without its folder `videos`. */
  keysOf(own: string): string[] {
    const twin = this.without(own);
    return twin === undefined ? [own] : [own, twin];
  }

  #find(folder: string): string | undefined {
    const parts = folder.split(sep);
    const last = parts.findLastIndex((part) => this.#names.has(part.toLowerCase()));
    return last < 0 ? undefined : parts.toSpliced(last, 1).join(sep);
  }
}

function isUsable(path: string): boolean {
  const kind = mediaKind(path);
  return kind === "clip" || kind === "still";
}
