/** Pictures and masks that belong to clips. */

import { FileProblem, quoteName } from "../media/mod.ts";
import { type FileFacts, fileState } from "./file_facts.ts";
import { contentHash } from "./probed.ts";
import type { FoundFile } from "./scan.ts";

/** A file that belongs to a clip. */
export interface Companion {
  readonly path: string;
  /** SHA-256 of its bytes. */
  readonly content: string;
}

/** What belongs to a clip. */
export interface Companions {
  /** The picture that it is to begin with; absent for its own first frame. */
  readonly image?: Companion;
  /** Bright where the loss counts. */
  readonly mask?: Companion;
}

/** Looks at the files that belong to a clip. @throws {FileProblem} about the clip if one cannot be read */
export async function companionsOf(file: FoundFile, facts: FileFacts): Promise<Companions> {
  const { image, mask } = file;
  return {
    ...(image === undefined ? {} : { image: await lookAt(image, { what: "picture", file, facts }) }),
    ...(mask === undefined ? {} : { mask: await lookAt(mask, { what: "mask", file, facts }) }),
  };
}

async function lookAt(
  path: string,
  { what, file, facts }: { what: string; file: FoundFile; facts: FileFacts },
): Promise<Companion> {
  try {
    return { path, content: await contentHash(fileState(path), facts) };
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound || cause instanceof Deno.errors.PermissionDenied)) throw cause;
    throw new FileProblem(file.path, {
      attempt: "read",
      fact: `its ${what} ${quoteName(path)} cannot be read`,
      cure: "put it there, or take its name out of the list",
      cause,
    });
  }
}
