/** Fetching wheels through pip, which knows the mirrors, proxies and local indexes that a machine is set up for. */

import { join } from "node:path";

/** The commands by which pip may be called, most usual first. */
const PIPS: readonly (readonly [string, ...string[]])[] = [["pip"], ["pip3"], ["python3", "-m", "pip"]];

/** How pip is called on this machine, or undefined if it is not there. */
export function findPip(): readonly [string, ...string[]] | undefined {
  return PIPS.find(([command, ...args]) => {
    try {
      return new Deno.Command(command, { args: [...args, "--version"], stdout: "null", stderr: "null" }).outputSync()
        .success;
    } catch {
      return false;
    }
  });
}

/** What came of asking pip. */
export interface PipResult {
  /** Paths of the wheels it brought; empty when it failed. */
  readonly wheels: readonly string[];
  /** The last thing it said, when it failed. */
  readonly complaint: string;
}

/**
 * Lets pip download wheels into `folder`.
 * @param requirements such as `torch==2.13.0+cpu`
 * @param options.deps also what they require
 * @param options.index a page to look at besides those that pip is set up for
 * @param options.onBytes told now and then how much has arrived
 */
export async function pipDownload(
  requirements: readonly string[],
  folder: string,
  options: { arch: string; deps: boolean; onBytes?: (bytes: number) => void },
): Promise<PipResult> {
  const pip = findPip();
  if (pip === undefined) return { wheels: [], complaint: "pip is not installed" };
  const [command, ...before] = pip;
  const scratch = join(folder, "pip-scratch");
  Deno.mkdirSync(scratch, { recursive: true });
  const common = [...before, "download", "--no-cache-dir", "--progress-bar", "off", "--retries", "1", "--dest", folder];
  if (!options.deps) common.push("--no-deps");
  // The wheel of one Python for all machines first; then whatever pip finds for its own.
  const platforms = Array.from({ length: 24 }, (_, i) => `manylinux_2_${28 - i}_${options.arch}`)
    .concat(`manylinux2014_${options.arch}`).flatMap((platform) => ["--platform", platform]);
  const pinned = ["--only-binary=:all:", "--implementation", "cp", "--python-version", "3.11", "--abi", "cp311"];
  let complaint = "";
  const timer = setInterval(() => options.onBytes?.(folderBytes(folder)), 500);
  try {
    for (const flags of [[...pinned, "--abi", "none", ...platforms], ["--only-binary=:all:"]]) {
      const { success, stderr } = await new Deno.Command(command, {
        args: [...common, ...flags, ...requirements],
        env: { TMPDIR: scratch, PIP_DISABLE_PIP_VERSION_CHECK: "1" },
        stdout: "null",
        stderr: "piped",
      }).output();
      if (success) return { wheels: wheelsIn(folder), complaint: "" };
      const lines = new TextDecoder().decode(stderr).trim().split("\n");
      complaint = lines.findLast((line) => line.startsWith("ERROR:"))?.slice(7) ?? lines.at(-1) ?? "pip failed";
    }
  } catch (error) {
    complaint = String(error);
  } finally {
    clearInterval(timer);
    Deno.removeSync(scratch, { recursive: true });
  }
  return { wheels: [], complaint };
}

function wheelsIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].filter((entry) => entry.name.endsWith(".whl"))
    .map((entry) => join(folder, entry.name)).sort();
}

function folderBytes(folder: string): number {
  let bytes = 0;
  try {
    for (const entry of Deno.readDirSync(folder)) {
      const path = join(folder, entry.name);
      bytes += entry.isDirectory ? folderBytes(path) : Deno.statSync(path).size;
    }
  } catch {
    // files come and go while pip works
  }
  return bytes;
}
