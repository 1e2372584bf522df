/** What was fetched into a folder and from where: a small file beside it, so that nothing is fetched or hashed twice. */

import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { writeAtomically } from "../base/mod.ts";
import type { HubFile } from "./client.ts";

const NAME = ".wantune-download.json";

const schema = z.object({
  repo: z.string(),
  commit: z.string(),
  files: z.record(z.string(), z.object({ hex: z.string(), size: z.number(), modifiedAt: z.number() })),
});

/** Where the files of a folder came from. */
export interface Origin {
  readonly repo: string;
  /** The commit of the latest fetch. */
  readonly commit: string;
}

/** The record of one folder. */
export class DownloadRecord {
  readonly #folder: string;
  readonly #found: z.infer<typeof schema>;

  /** Reads it; one that is absent or not understood counts as empty, as all it saves is time. */
  constructor(folder: string, origin: Origin) {
    this.#folder = folder;
    this.#found = { ...origin, files: readRecord(folder)?.files ?? {} };
  }

  /** Whether a file is as we fetched it: `same` if it is also the one wanted now, `older` if it is another version. */
  state({ path, digest }: HubFile): "same" | "older" | "unknown" {
    const noted = this.#found.files[path];
    const info = statOf(join(this.#folder, path));
    if (noted === undefined || info?.size !== noted.size || info.mtimeMs !== noted.modifiedAt) return "unknown";
    return noted.hex === digest.hex ? "same" : "older";
  }

  /** Notes that a file is there and has been checked. @throws {DiskError} if the disk refuses */
  note({ path, digest, size }: HubFile): void {
    const info = statOf(join(this.#folder, path));
    if (info === undefined) return;
    this.#found.files[path] = { hex: digest.hex, size, modifiedAt: info.mtimeMs };
    writeAtomically(join(this.#folder, NAME), JSON.stringify(this.#found, null, 2) + "\n");
  }
}

/** Where a folder's files were fetched from, if they were. */
export function originOf(folder: string): Origin | undefined {
  const found = readRecord(folder);
  return found && { repo: found.repo, commit: found.commit };
}

function readRecord(folder: string): z.infer<typeof schema> | undefined {
  try {
    return schema.parse(JSON.parse(readFileSync(join(folder, NAME), "utf8")));
  } catch {
    return undefined;
  }
}

function statOf(path: string): { size: number; mtimeMs: number } | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
