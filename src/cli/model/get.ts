/** `wantune model get`: a model from the hub into a folder. */

import { join } from "node:path";
import { type Command } from "@commander-js/extra-typings";
import { formatBytes, Stopped } from "../../base/mod.ts";
import { LiveLine, Pace } from "../live_line.ts";
import { printLine } from "../output.ts";
import { nonEmpty, whole } from "../sample/options.ts";

/** Adds the command. */
export function registerGet(model: Command): void {
  model.command("get")
    .description(
      "Fetch a model from the Hugging Face hub: only the files needed, resumed in mid-file, checked by hash. " +
        "HF_ENDPOINT names another hub, HF_TOKEN an account.",
    )
    .argument("<repository>", "owner/name, or a preset such as wan2.2-ti2v-5b", nonEmpty)
    .option("--revision <name>", "branch, tag or commit", nonEmpty, "main")
    .option("--out <folder>", "where to (default: models/<name>)", nonEmpty)
    .option("--only <parts>", "parts such as transformer,vae, or files, * for any; commas between", list)
    .option("--precision <name>", "take files of this precision where there are any, such as fp16", nonEmpty)
    .option("--jobs <number>", "files at a time", whole(1), 4)
    .option("--json", "print one JSON object")
    .action(get);
}

interface GetCommand {
  readonly revision: string;
  readonly out?: string;
  readonly only?: readonly string[];
  readonly precision?: string;
  readonly jobs: number;
  readonly json?: true;
}

async function get(name: string, options: GetCommand): Promise<void> {
  const { getModel, PRESETS, repositoryOf } = await import("../../hub/mod.ts");
  const { StopSignals } = await import("../signals.ts");
  const repo = repositoryOf(name);
  const isPreset = PRESETS.has(name.toLowerCase());
  const folder = options.out ?? join("models", isPreset ? name.toLowerCase() : repo.slice(repo.indexOf("/") + 1));
  using signals = await StopSignals.listen();
  using line = new LiveLine();
  const pace = new Pace();
  try {
    const got = await getModel({
      ...options,
      repo,
      folder,
      signal: signals.signal,
      say: (text) => line.say(text),
      onProgress: ({ doneBytes, totalBytes, fetchedBytes, numDone, numFiles }) => {
        const text = pace.describe({ doneBytes, totalBytes, movedBytes: fetchedBytes });
        line.show(`fetching ${repo}`, `${numDone}/${numFiles} files  ${text}`, { finished: numDone === numFiles });
      },
    });
    line.close();
    if (options.json) return printLine(JSON.stringify(got));
    const { files, totalBytes, fetchedBytes, commit } = got;
    const fetched = fetchedBytes === totalBytes ? "" : `, ${formatBytes(fetchedBytes)} of them fetched now`;
    printLine(`${got.folder}: ${files.length} files, ${formatBytes(totalBytes)}${fetched}, at ${commit.slice(0, 12)}`);
  } catch (error) {
    if (!signals.requested) throw error;
    throw new Stopped("Stopped; what has arrived is kept.", { cure: "run it again to go on", cause: error });
  }
}

function list(text: string): string[] {
  return text.split(",").map((part) => part.trim()).filter((part) => part !== "");
}
