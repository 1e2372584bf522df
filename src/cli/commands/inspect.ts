/** `wantune inspect`: what a weight file is, what it holds, and whether its numbers can be right. */
import type { Command } from "@commander-js/extra-typings";
import { listNames, Stopped, WeightsError } from "../../base/mod.ts";
import type { Inspection } from "../inspect/look.ts";
import type { VideoInspection } from "../inspect/video.ts";
import { oneLine, printLine } from "../output.ts";
import { whole } from "../sample/options.ts";

/** Adds the command. */
export function register(program: Command): void {
  program.command("inspect")
    .description(
      "Says what weight files are: models in any layout, LoRAs, learned tokens. Lists tensors, types and metadata, and " +
        "looks at every number for what cannot be right: NaN, infinities, tensors of zeros, huge values. Ends with code 3 if " +
        "a file has a problem, NaN or infinities. Of a video it says how it was made.",
    )
    .argument("<path>", "file, or folder with such files")
    .option("--no-values", "do not look at the numbers, only at names and metadata")
    .option("--limit <groups>", "groups of tensors that are listed", whole(0), 24)
    .option("--libtorch <folder>", "folder that holds libtorch.so")
    .option("--json", "one JSON object a file")
    .action(inspect);
}

interface InspectCommand {
  readonly values: boolean;
  readonly limit: number;
  readonly libtorch?: string;
  readonly json?: true;
}

async function inspect(path: string, options: InspectCommand): Promise<void> {
  const { inspectVideo, isVideo } = await import("../inspect/video.ts");
  const { weightFilesAt } = await import("../inspect/find.ts");
  const { inspectFile } = await import("../inspect/look.ts");
  const { StopSignals } = await import("../signals.ts");
  const { openLibtorch } = await import("../torch.ts");

  if (isVideo(path)) return tellVideo(await inspectVideo(path), options);
  const files = weightFilesAt(path);
  await openLibtorch({ libtorch: options.libtorch });
  using signals = await StopSignals.listen();
  const check = (): void => {
    if (signals.requested) throw new Stopped("Stopped.");
  };
  const bad: string[] = [];
  for (const [i, file] of files.entries()) {
    const found = inspectFile(file, { values: options.values, check });
    if (options.json) printLine(JSON.stringify(found));
    else for (const line of [...(i === 0 ? [] : [""]), ...linesOf(found, options.limit)]) printLine(line);
    if (found.problems.length > 0 || found.suspicious?.["not finite"] !== undefined) bad.push(file);
  }
  if (bad.length === 0) return;
  throw new WeightsError(
    `Cannot use ${listNames(bad, { unit: "files" })} as ${bad.length === 1 ? "it is" : "they are"}`,
    {
      cure: "what is wrong is said above",
    },
  );
}

function tellVideo(found: VideoInspection, { json }: InspectCommand): void {
  if (json) return printLine(JSON.stringify(found));
  const { path, what, recipe = {} } = found;
  printLine(oneLine(path));
  printLine(oneLine(`  what      ${what}`));
  for (const [key, value] of Object.entries(recipe)) {
    printLine(oneLine(`  ${key}: ${typeof value === "string" ? value : JSON.stringify(value)}`));
  }
}

const LONGEST = 100;

function linesOf(found: Inspection, limit: number): string[] {
  const { path, what, groups, metadata, suspicious, problems } = found;
  const shown = groups.slice(0, limit).map(({ names, count }) => count === 1 ? names : `${names} (${count} tensors)`);
  const left = groups.slice(limit).reduce((sum, { count }) => sum + count, 0);
  const short = (text: string): string =>
    text.length <= LONGEST ? text : `${text.slice(0, LONGEST)}... (${text.length} characters)`;
  const lines = [
    path,
    `  what      ${what}`,
    ...problems.map((problem) => `  problem   ${problem}`),
    ...[...shown, ...(left > 0 ? [`and ${left} more`] : [])].map((line, i) =>
      `  ${i === 0 ? "tensors" : "       "}   ${line}`
    ),
    ...Object.entries(metadata).map(([key, value], i) =>
      `  ${i === 0 ? "metadata" : "        "}  ${key}: ${short(value)}`
    ),
  ];
  for (const [kind, names] of Object.entries(suspicious ?? {})) {
    lines.push(`  ${kind.padEnd(10)}${kind.length < 10 ? "" : "  "}${listNames(names)}`);
  }
  if (suspicious !== undefined && Object.keys(suspicious).length === 0) lines.push("  values    nothing suspicious");
  return lines.map(oneLine);
}
