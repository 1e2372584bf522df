/** Looks after a cache: `cache stats`, `cache verify`, `cache prune`. Opens no libtorch. */
import { dataCacheFolder, DataError, formatBytes, formatDuration } from "../../base/mod.ts";
import { loadConfig } from "../../config/mod.ts";
import { type Amount, cacheStats, dataCacheDir, FileFacts, pruneCache, verifyCache } from "../../data/mod.ts";
import { LiveLine } from "../live_line.ts";
import { oneLine, printLine } from "../output.ts";
import { columns } from "../table.ts";

const GIB = 2 ** 30;
const DAY_MS = 24 * 3600 * 1000;

/** The folder that a user means, and its limit if a config says one. */
function placeOf(place: string | undefined): { folder: string; maxGiB?: number | undefined } {
  if (place === undefined) return { folder: dataCacheFolder() };
  if (isFolder(place)) return { folder: place };
  const { data } = loadConfig(place);
  return { folder: dataCacheDir(data), maxGiB: data.cache.maxGiB };
}

/** Prints what a cache holds. */
export function showStats(place: string | undefined, options: { json?: true }): void {
  const { folder, maxGiB } = placeOf(place);
  const stats = cacheStats(folder);
  const numFiles = isFolder(folder) ? countFacts(folder) : 0;
  if (options.json) printLine(JSON.stringify({ ...stats, maxGiB, knownFiles: numFiles }));
  else {
    const rows = [
      ["folder", oneLine(folder)],
      ...Object.entries(stats.kinds).map(([kind, amount]) => [kind, amountText(amount)]),
      ["in all", amountText(stats.total) + (maxGiB === undefined ? "" : `, of ${maxGiB} GiB at most`)],
      ["in use now", amountText(stats.held)],
      ...(stats.oldestUse === undefined ? [] : [["unused for", `${age(stats.oldestUse)} at most`]]),
      ["known files", String(numFiles)],
      ...(stats.unfinished === 0 ? [] : [["unfinished", `${stats.unfinished} files`]]),
    ];
    for (const line of columns(rows)) printLine(line);
  }
}

/** Checks every entry. @throws {DataError} if some are damaged and not repaired */
export function verify(place: string | undefined, options: { repair?: true; json?: true }): void {
  const { folder } = placeOf(place);
  using line = new LiveLine();
  const { checked, damaged } = verifyCache(folder, {
    repair: options.repair === true,
    tell: (done, total) => {
      if (!Deno.stderr.isTerminal()) return; // there the lines of the result are enough
      line.show("checking", `${formatBytes(done.bytes)} of ${formatBytes(total.bytes)}`);
    },
  });
  line.close();
  const repaired = options.repair === true;
  if (options.json) printLine(JSON.stringify({ folder, checked, damaged, repaired }));
  else {
    for (const { path, reason } of damaged) printLine(oneLine(`damaged: ${path}: ${reason}`));
    printLine(`${amountText(checked)} checked, ${damaged.length} damaged${repaired ? " and removed" : ""}`);
  }
  if (damaged.length === 0 || repaired) return;
  throw new DataError(`Cannot trust the cache ${folder}: ${damaged.length} of its entries are damaged.`, {
    cure: "run `wantune cache verify --repair`: what is removed is encoded again when it is needed",
  });
}

/** Removes what is too much or too old. */
export async function prune(
  place: string | undefined,
  options: { max?: number; older?: number; json?: true },
): Promise<void> {
  const { folder, maxGiB } = placeOf(place);
  const max = options.max ?? maxGiB;
  const result = await pruneCache(folder, {
    maxBytes: max === undefined ? undefined : max * GIB,
    usedBefore: options.older === undefined ? undefined : Date.now() - options.older * DAY_MS,
  });
  using facts = new FileFacts(folder);
  const forgotten = facts.forgetMissing();
  if (options.json) return printLine(JSON.stringify({ folder, ...result, forgotten }));
  const { removed, left, held, leftovers } = result;
  printLine(
    `removed ${amountText(removed)}, ${leftovers} leftovers and what was known of ${forgotten} files that are gone`,
  );
  printLine(`left ${amountText(left)}, of which ${amountText(held)} are in use now`);
}

function amountText({ entries, bytes }: Amount): string {
  return `${entries.toLocaleString("en-US")} entries, ${formatBytes(bytes)}`;
}

function age(at: number): string {
  return formatDuration(Math.max(0, Date.now() - at) / 1000);
}

function countFacts(folder: string): number {
  using facts = new FileFacts(folder);
  return facts.size;
}

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}
