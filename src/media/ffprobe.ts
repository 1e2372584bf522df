/** Calls of ffprobe, and how ffmpeg and ffprobe are kept to local files and bounded memory. */

import { messageOf } from "../base/mod.ts";
import { FileProblem, type MediaCode } from "./problem.ts";
import { Child, type ChildOptions, cleanLine, lastUsefulLine, runProgram } from "./process.ts";

/** Containers that are opened; playlists and lists of files, which name other files, are not among them. */
const CONTAINERS = "mov,matroska,webm,avi,gif,mpegts,mpeg,flv,ogg,asf,jpeg_pipe,png_pipe,webp_pipe";
const IDLE_SECONDS = 60;
/** No single block of memory above this in a child: a lying header cannot take the machine. */
const MAX_ALLOC = String(2 ** 30);

/** Options that make ffmpeg and ffprobe read local files only, in bounded memory. */
export const INPUT_GUARD: readonly string[] = [
  "-protocol_whitelist",
  "file,pipe",
  "-format_whitelist",
  CONTAINERS,
];

/** Options of a child that reads media. */
export function readerArgs(level: string): string[] {
  return ["-hide_banner", "-v", `level+${level}`, "-max_alloc", MAX_ALLOC];
}

/** A stream as ffprobe describes it. */
export interface StreamFacts {
  readonly index: number;
  readonly codec_type?: string;
  readonly codec_name?: string;
  readonly codec_tag_string?: string;
  readonly width?: number;
  readonly height?: number;
  readonly pix_fmt?: string;
  readonly sample_aspect_ratio?: string;
  readonly avg_frame_rate?: string;
  readonly r_frame_rate?: string;
  readonly time_base?: string;
  readonly duration?: string;
  readonly field_order?: string;
  readonly color_transfer?: string;
  readonly disposition?: { readonly default?: number; readonly attached_pic?: number };
  readonly side_data_list?: readonly { readonly displaymatrix?: string }[];
}

const ENTRIES = "format=format_name,duration" +
  ":stream=index,codec_type,codec_name,codec_tag_string,width,height,pix_fmt,sample_aspect_ratio,avg_frame_rate," +
  "r_frame_rate,time_base,duration,field_order,color_transfer" +
  ":stream_disposition=default,attached_pic:stream_side_data=displaymatrix";

/**
 * Streams and container of a file.
 * @param input options that name it
 * @throws {FileProblem} if it cannot be opened
 */
export async function ffprobe(
  path: string,
  input: readonly string[],
  options: ChildOptions,
): Promise<{ streams: readonly StreamFacts[]; container: { format_name?: string; duration?: string } }> {
  const args = [...readerArgs("error"), "-of", "json", "-show_entries", ENTRIES, ...INPUT_GUARD, ...input];
  const { code, stdout, lines } = await runOnFile(path, args, options);
  const text = new TextDecoder().decode(stdout);
  const facts: { streams?: StreamFacts[]; format?: { format_name?: string; duration?: string } } = code === 0
    ? JSON.parse(text)
    : {};
  if (facts.format?.format_name === undefined) {
    throw new FileProblem(path, { attempt: "read", ...whyUnreadable(lines) });
  }
  return { streams: facts.streams ?? [], container: facts.format };
}

function whyUnreadable(lines: readonly string[]): { code: MediaCode; fact: string; cure: string } {
  const all = lines.map(cleanLine).join("\n");
  const cure = "replace it with a whole copy or remove it";
  if (/moov atom not found/.test(all)) {
    return {
      code: "truncated_no_index",
      fact: "its index (moov) is missing: the file is cut off, or not a video at all",
      cure,
    };
  }
  if (/ended prematurely|Truncating packet|Input\/output error|End of file/.test(all)) {
    return { code: "truncated_no_index", fact: "the file is cut off before its first frame", cure };
  }
  if (/whitelist/.test(all)) return { code: "not_media", fact: "it is not a video or picture that can be read", cure };
  const fact = `it is not a video or picture that ffmpeg knows (${lastUsefulLine(lines)})`;
  return { code: "not_media", fact, cure };
}

/** Runs ffprobe; a file that makes it hang becomes a problem of the file. */
export async function runOnFile(
  path: string,
  args: readonly string[],
  options: ChildOptions,
): ReturnType<typeof runProgram> {
  return await aboutFile(path, () => runProgram("ffprobe", args, { idleSeconds: IDLE_SECONDS, ...options }));
}

/** Runs ffprobe and hands on its output line by line, however long it is. */
export async function readLinesOfFile(
  path: string,
  args: readonly string[],
  { onOutput, ...options }: ChildOptions & { onOutput: (line: string) => void },
): Promise<void> {
  await aboutFile(path, async () => {
    await using child = await Child.start("ffprobe", args, { idleSeconds: IDLE_SECONDS, ...options });
    const decoder = new TextDecoder();
    let rest = "";
    for (let piece = await child.read(); piece !== undefined; piece = await child.read()) {
      const lines = (rest + decoder.decode(piece, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      lines.forEach(onOutput);
    }
    if (rest !== "") onOutput(rest);
    await child.result();
  });
}

/** What goes wrong with a child that reads a file is a problem of the file. */
async function aboutFile<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof Error) || error.name !== "DataError") throw error;
    throw new FileProblem(path, { attempt: "read", fact: messageOf(error), cause: error });
  }
}
