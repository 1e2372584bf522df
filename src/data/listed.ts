/** What the lists of a source say about its files: names are found on the disk, lines about one file come together. */

import { dirname, isAbsolute, relative, resolve, sep } from "node:path";
import { quoteName } from "../media/mod.ts";
import type { CaptionList, ListEntry } from "./caption_list.ts";
import type { RejectedFile } from "./codes.ts";
import { isMediaName, stem } from "./media_names.ts";

/** All that lists say about one file. */
export interface ListedFile {
  readonly captions: readonly string[];
  readonly image?: string | undefined;
  readonly mask?: string | undefined;
  /** How many lines of lists name the file. */
  readonly numLines: number;
}

/** Where names of a list may lead. */
export interface ListScope {
  /** The media files of the source; undefined where the list itself is the source and brings its files. */
  readonly media: readonly string[] | undefined;
  /** Names that are not found beside the list are looked for here. */
  readonly root: string;
}

/** The entries of lists by the path of the file that they are about. */
export class Listed {
  /** Lines that cannot be used. */
  readonly problems: RejectedFile[] = [];
  /** What was looked for on the disk, and whether it was a file. */
  readonly looked = new Map<string, boolean>();
  readonly #files = new Map<string, { captions: Set<string>; image?: string; mask?: string; numLines: number }>();
  readonly #captionless = new Map<string, RejectedFile[]>();
  readonly #companions = new Set<string>();
  readonly #scope: ListScope;
  readonly #known: Map<string, string> | undefined;

  constructor(lists: readonly CaptionList[], scope: ListScope) {
    this.#scope = scope;
    this.#known = scope.media === undefined ? undefined : namesOf(scope.media);
    for (const { path: list, entries, problems } of lists) {
      this.problems.push(...problems.map((problem) => ({ path: list, ...problem })));
      for (const entry of entries) this.#add(list, entry);
    }
  }

  /** The files that are named, in the order of the lists. */
  get paths(): string[] {
    return [...this.#files.keys()];
  }

  /** What is said about a file. */
  of(path: string): ListedFile | undefined {
    const found = this.#files.get(path);
    return found && { ...found, captions: [...found.captions] };
  }

  /** The lines that name a file without a caption, to be told where it has none elsewhere. */
  captionless(path: string): readonly RejectedFile[] {
    return this.#captionless.get(path) ?? [];
  }

  /** Whether a file is named as the picture or mask of another one, and not by itself. */
  isCompanion(path: string): boolean {
    return this.#companions.has(path) && !this.#files.has(path);
  }

  #add(list: string, entry: ListEntry): void {
    const { place, line, captions } = entry;
    const refuse = (code: RejectedFile["code"], fact: string, cure: string): void => {
      this.problems.push({ path: list, line, code, reason: `${place}: ${fact}`, cure });
    };
    const path = this.#find(list, entry.name);
    if (typeof path !== "string") return refuse(path.code, path.fact, path.cure);
    const file = this.#files.get(path) ?? { captions: new Set(), numLines: 0 };
    for (const role of ["image", "mask"] as const) {
      const name = entry[role];
      if (name === undefined) continue;
      const own = [dirname(list), this.#scope.root].map((folder) => resolve(folder, name)).find((path) =>
        this.#isFile(path)
      );
      if (own === undefined) return refuse("file_not_found", `its ${role} ${quoteName(name)} does not exist`, CHECK);
      file[role] = own;
      this.#companions.add(own);
    }
    captions.forEach((caption) => file.captions.add(caption));
    file.numLines++;
    this.#files.set(path, file);
    if (captions.length > 0) return;
    const lines = this.#captionless.get(path) ?? [];
    const reason = `${place}: it gives no caption for ${quoteName(entry.name)}`;
    lines.push({ path: list, line, code: "missing_caption", reason, cure: "write what can be seen" });
    this.#captionless.set(path, lines);
  }

  #isFile(path: string): boolean {
    const there = isFile(path);
    this.looked.set(path, there);
    return there;
  }

  #find(list: string, name: string): string | Missing {
    const beside = this.#known?.get(resolve(list, "..", name));
    if (beside !== undefined) return beside; // most are found at once
    const slashed = name.replaceAll("\\", "/");
    const folders = [dirname(list), this.#scope.root];
    const paths = folders.flatMap((folder) => [resolve(folder, name), resolve(folder, slashed)]);
    if (this.#known === undefined) {
      const path = paths.find((path) => this.#isFile(path));
      if (path === undefined) return missing(name);
      return isMediaName(path) ? path : {
        code: "unsupported_format",
        fact: `${quoteName(name)} is no clip or picture by its ending`,
        cure: "name an MP4, MOV, AVI, WebM, MKV, GIF, JPEG, PNG or WebP file",
      };
    }
    for (const path of paths) {
      const known = this.#known.get(path) ?? this.#known.get(path.normalize("NFC"));
      if (known !== undefined) return known;
    }
    const outside = paths.every((path) => isOutside(path, this.#scope.root));
    return outside
      ? {
        code: "path_outside",
        fact: `${quoteName(name)} lies outside of the source`,
        cure: "make the list itself the source: it may name files anywhere",
      }
      : missing(name);
  }
}

interface Missing {
  readonly code: "file_not_found" | "path_outside" | "unsupported_format";
  readonly fact: string;
  readonly cure: string;
}

const CHECK = "check the name: it starts at the list's folder";

function missing(name: string): Missing {
  return { code: "file_not_found", fact: `${quoteName(name)} does not exist`, cure: CHECK };
}

/** Media files by their paths, by those without ending, and by the composed (NFC) form of both. */
function namesOf(media: readonly string[]): Map<string, string> {
  const names = new Map<string, string>();
  for (const path of media) {
    const own = stem(path);
    names.set(own, path);
    const composed = path.normalize("NFC");
    if (composed !== path) { for (const key of [own.normalize("NFC"), composed]) names.set(key, path); }
  }
  for (const path of media) names.set(path, path); // the exact name wins
  return names;
}

function isOutside(path: string, root: string): boolean {
  const way = relative(root, path);
  return way === ".." || way.startsWith(`..${sep}`) || isAbsolute(way);
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
