/**
 * Files whose names are not UTF-8. Deno leaves them out of its listings, so on Linux, where such names can be, `find` is
 * asked for them; elsewhere, and where there is no `find`, they go unseen.
 */

import { Buffer } from "node:buffer";
import type { RejectedFile } from "./codes.ts";
import { isMediaName } from "./media_names.ts";

/** The clips and stills below a folder whose names cannot be told. */
export function foreignNames(folder: string): RejectedFile[] {
  if (Deno.build.os !== "linux") return [];
  const rejected: RejectedFile[] = [];
  for (const name of nonAsciiNames(folder)) {
    try {
      new TextDecoder("utf-8", { fatal: true }).decode(name);
    } catch {
      const path = Buffer.from(name).toString("latin1").replaceAll(/[\x80-\xff]/g, escaped);
      if (!isMediaName(path)) continue;
      const cure = "rename it, for example with convmv";
      rejected.push({ path, code: "file_name", reason: "its name is not valid UTF-8 text", cure });
    }
  }
  return rejected;
}

/** Paths below a folder that hold a byte outside of ASCII, hidden ones and those below links left out. */
function* nonAsciiNames(folder: string): Generator<Uint8Array> {
  let output: Uint8Array;
  try {
    const args = [folder, "-name", ".*", "-prune", "-o", "-type", "f", "-name", "*[! -~]*", "-print0"];
    const options = { args, env: { LC_ALL: "C" }, stdin: "null", stdout: "piped", stderr: "null" } as const;
    output = new Deno.Command("find", options).outputSync().stdout;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  let from = 0;
  for (let end = output.indexOf(0); end >= 0; end = output.indexOf(0, from)) {
    yield output.subarray(from, end);
    from = end + 1;
  }
}

function escaped(byte: string): string {
  return `\\x${byte.charCodeAt(0).toString(16)}`;
}
