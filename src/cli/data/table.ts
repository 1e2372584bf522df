/** The data report in the terminal. */
import { basename } from "node:path";
import type { DataReport, ReportedFile } from "../../data/mod.ts";
import { oneLine } from "../output.ts";
import { columns } from "../table.ts";
import { lengthText, percent, speedText } from "./words.ts";

/** Files listed unless all are asked for. */
const LISTED = 30;

/** The report as lines: the buckets, the files, the rejected ones with their cures, and the sums. */
export function reportLines(report: DataReport, { all }: { all: boolean }): string[] {
  const { files, rejected, buckets, totals } = report;
  const shown = all ? files : files.slice(0, LISTED);
  const left = all ? rejected : rejected.slice(0, LISTED);
  const { used, items, seconds, secondsUsed, ignored } = totals;
  const share = seconds > 0
    ? `, ${lengthText(secondsUsed)} of ${lengthText(seconds)} (${percent(secondsUsed / seconds)})`
    : "";
  return [
    ...columns([["file", "size", "fps", "length", "used", "windows", "speed", "bucket"], ...shown.map(fileRow)]),
    ...more(files.length - shown.length, "files"),
    ...shown.flatMap(({ path, notes }) => notes.map((note) => oneLine(`note: ${basename(path)}: ${note}`))),
    "",
    ...columns([
      ["bucket", "items", "in an epoch"],
      ...buckets.map(({ bucket, items, shown }) => [bucket, `${items}`, `${shown}`]),
    ]),
    ...(left.length > 0 ? [""] : []),
    ...left.map(({ path, reason, cure }) =>
      oneLine(`rejected: ${path}: ${reason}${cure === undefined ? "" : ` (${cure})`}`)
    ),
    ...more(rejected.length - left.length, "rejected files"),
    "",
    `${used} files used, ${rejected.length} rejected${
      ignored > 0 ? `, ${ignored} of other kinds` : ""
    }: ${items} items${share}`,
  ];
}

function fileRow({ path, width, height, kind, fps, seconds, secondsUsed, windows }: ReportedFile): string[] {
  const speeds = new Set(windows.map(({ speed }) => speedText(speed)));
  const buckets = new Set(windows.map(({ bucket }) => bucket));
  const isStill = kind === "still";
  return [
    oneLine(basename(path)),
    `${width}x${height}`,
    isStill ? "still" : fps.toFixed(2).replace(/\.?0+$/, ""),
    isStill ? "" : lengthText(seconds),
    isStill ? "" : lengthText(secondsUsed),
    String(windows.length),
    [...speeds].join(" "),
    [...buckets].join(" "),
  ];
}

function more(count: number, what: string): string[] {
  return count > 0 ? [`and ${count} more ${what} (--all lists them)`] : [];
}
