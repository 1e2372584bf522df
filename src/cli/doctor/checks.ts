/** What wantune needs of a machine, checked one by one; a check never throws. */

import { statfsSync } from "node:fs";
import { cacheHome, formatBytes, makeFolder, messageOf, WantuneError } from "../../base/mod.ts";

/** How a check went: `warn` works with limits, `fail` keeps wantune from training. */
export type CheckStatus = "ok" | "warn" | "fail";

/** The outcome of one check. */
export interface Check {
  readonly name: string;
  readonly status: CheckStatus;
  /** What was found. */
  readonly detail: string;
  /** What to do about it. */
  readonly cure?: string | undefined;
}

const GIB = 2 ** 30;
const LEAST_DENO = [2, 7] as const;

/** Deno itself; inside the executable it is the one that was built in. */
export function checkDeno(version: string = Deno.version.deno): Check {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const fits = major > LEAST_DENO[0] || (major === LEAST_DENO[0] && minor >= LEAST_DENO[1]);
  const cure = `install Deno ${LEAST_DENO.join(".")} or newer (https://deno.com), or use the executable`;
  return fits
    ? { name: "deno", status: "ok", detail: version }
    : { name: "deno", status: "fail", detail: version, cure };
}

/** ffmpeg and ffprobe, version 5 or newer. */
export function checkFfmpeg(): Promise<Check> {
  return attempt("ffmpeg", async () => {
    const { findPrograms } = await import("../../media/mod.ts");
    const { ffmpeg, ffprobe, version } = await findPrograms();
    return { status: "ok", detail: `${version} (${ffmpeg}, ${ffprobe})` };
  });
}

/** libtorch, and whether it can be loaded. `minor` is undefined if not. */
export async function checkLibtorch(
  options: { libtorch?: string },
): Promise<{ check: Check; dir?: string; minor?: string }> {
  let found: { dir: string; minor: string } | undefined;
  const check = await attempt("libtorch", async () => {
    const { findLibtorch } = await import("../../setup/mod.ts");
    const { libtorchMinor } = await import("../../torch/mod.ts");
    const { dir, version, source } = await findLibtorch(options);
    const minor = libtorchMinor(dir);
    found = { dir, minor };
    return { status: "ok", detail: `${version === "unknown" ? minor : version} in ${dir} (${source})` };
  });
  return { check, ...found };
}

/** A compiler is needed only where no shim is there yet. */
export async function checkCompiler(hasShim: boolean): Promise<Check> {
  const check = await attempt("compiler", async () => {
    const { findCompiler } = await import("../../setup/mod.ts");
    return { status: "ok", detail: await findCompiler() };
  });
  return check.status === "fail" && hasShim
    ? { ...check, status: "warn", detail: "none, and none is needed: the shim is there" }
    : check;
}

/** The shim for the libtorch found, and whether an operator can be called through it. */
export function checkShim(libtorch: { dir?: string; minor?: string }): Promise<Check> {
  return attempt("shim", async () => {
    const { dir, minor } = libtorch;
    if (dir === undefined || minor === undefined) return { status: "fail", detail: "it needs libtorch first" };
    const { findShim } = await import("../../setup/mod.ts");
    const shim = findShim(minor);
    if (shim === undefined) {
      return { status: "warn", detail: `none for libtorch ${minor} yet`, cure: "run `wantune setup` to compile it" };
    }
    const torch = await import("../../torch/mod.ts");
    torch.openTorch({ libtorch: dir, shim, torchMinor: minor });
    const numDevices = torch.cudaDeviceCount();
    const devices = numDevices === 0
      ? "no GPU is seen, training runs on the CPU"
      : `${numDevices} GPU${numDevices > 1 ? "s" : ""}`;
    return { status: "ok", detail: `${shim}; ${devices}` };
  });
}

/** Room for libtorch, the cache of encoded clips and checkpoints. */
export function checkDisk(): Promise<Check> {
  return attempt("disk", () => {
    const folder = makeFolder(cacheHome());
    const { bavail, bsize } = statfsSync(folder);
    const freeBytes = bavail * bsize;
    const detail = `${formatBytes(freeBytes)} free in ${folder}`;
    const cure = "free some space, or name a folder on another disk with WANTUNE_CACHE";
    if (freeBytes < GIB) return { status: "fail", detail, cure };
    return freeBytes < 10 * GIB ? { status: "warn", detail, cure } : { status: "ok", detail };
  });
}

/** Cores and memory; a container's limit counts. */
export function checkMemory(): Promise<Check> {
  return attempt("memory", () => {
    const bytes = Math.min(Deno.systemMemoryInfo().total, containerLimit());
    const detail = `${formatBytes(bytes)}, ${navigator.hardwareConcurrency} cores`;
    if (bytes >= 15 * GIB) return { status: "ok", detail };
    return { status: "warn", detail, cure: "models of billions of weights need 16 GiB or more; small ones do not" };
  });
}

function containerLimit(): number {
  try {
    return Number(Deno.readTextFileSync("/sys/fs/cgroup/memory.max")) || Infinity; // "max" means no limit
  } catch {
    return Infinity;
  }
}

type Outcome = Omit<Check, "name">;

async function attempt(name: string, body: () => Outcome | Promise<Outcome>): Promise<Check> {
  try {
    return { name, ...await body() };
  } catch (error) {
    const cure = error instanceof WantuneError ? error.cure : undefined;
    return { name, status: "fail", detail: messageOf(error), cure };
  }
}
