/** Reads back the comment that a video was written with, whatever its form. */

import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { INPUT_GUARD, readerArgs, runOnFile } from "./ffprobe.ts";
import { COMMENT_FILE } from "./frames_out.ts";
import { gifComment } from "./gif_comment.ts";
import { FileProblem } from "./problem.ts";
import { fileUrl } from "./process.ts";

/**
 * The comment of a video, or of a folder of pictures that wantune wrote; undefined if it has none.
 * @throws {FileProblem} if there is no such file or it is no video
 */
export async function readComment(path: string): Promise<string | undefined> {
  if (!existsSync(path)) throw new FileProblem(path, { attempt: "read", fact: "there is no such file" });
  if (statSync(path).isDirectory()) {
    const file = join(path, COMMENT_FILE);
    return existsSync(file) ? readFileSync(file, "utf8") : undefined;
  }
  if (/\.gif$/i.test(path)) return gifComment(readFileSync(path));
  const args = [...readerArgs("error"), "-of", "json", "-show_entries", "format_tags"];
  const { code, stdout, lines } = await runOnFile(path, [...args, ...INPUT_GUARD, "-i", fileUrl(path)], {});
  if (code !== 0) throw new FileProblem(path, { attempt: "read", fact: `it is no video (${lines.at(-1) ?? ""})` });
  const { format }: { format?: { tags?: Record<string, string> } } = JSON.parse(new TextDecoder().decode(stdout));
  return Object.entries(format?.tags ?? {}).find(([name]) => name.toLowerCase() === "comment")?.[1];
}
