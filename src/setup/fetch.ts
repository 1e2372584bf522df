/** Fetching libtorch for this machine: the official wheel, through pip or directly, unpacked into the cache. */

import { existsSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { diskError, download, errorCode, libtorchCacheFolder, makeFolder, messageOf, SetupError } from "../base/mod.ts";
import { type Libtorch, libtorchAt } from "./find.ts";
import { pipDownload } from "./pip.ts";
import { readFromWheel, unpackWheel } from "./unpack.ts";
import {
  type Build,
  buildFor,
  nvidiaRequirements,
  parseIndex,
  pickWheel,
  type SetupDevice,
  wheelArch,
} from "./wheels.ts";

/** Where fetching stands. */
export interface SetupProgress {
  readonly stage: "pip" | "download" | "unpack";
  /** Name of the file. */
  readonly item: string;
  readonly doneBytes: number;
  readonly totalBytes: number | undefined;
}

/** How libtorch is fetched. */
export interface FetchOptions {
  /** For which device; cpu if absent. */
  readonly device?: SetupDevice;
  /** Version of the torch wheel. */
  readonly version?: string;
  /** Index page, or a folder with wheels; then pip is not asked. Also `WANTUNE_WHEEL_INDEX`. */
  readonly index?: string;
  /** Fetches even if it is there. */
  readonly force?: boolean;
  readonly onProgress?: (progress: SetupProgress) => void;
  /** Told what is worth knowing, one line each. */
  readonly say?: (line: string) => void;
  readonly signal?: AbortSignal;
}

/**
 * Makes sure that the libtorch for a device is in the cache, and makes it the one that is found from now on.
 * @throws {SetupError} if it cannot be had, with what was tried
 * @throws {DiskError} if the disk refuses
 */
export async function fetchLibtorch(options: FetchOptions = {}): Promise<Libtorch> {
  const device = options.device ?? "cpu";
  const index = options.index ?? (Deno.env.get("WANTUNE_WHEEL_INDEX") || undefined);
  const { version } = options;
  const build = buildFor(device, {
    ...(index === undefined ? {} : { index }),
    ...(version === undefined ? {} : { version }),
  });
  const home = makeFolder(libtorchCacheFolder());
  const target = join(home, `${build.version.replaceAll(/[^\w.+-]/g, "_")}-${device}`);
  if (!options.force && existsSync(join(target, "torch/lib/libtorch.so"))) {
    Deno.utimeSync(target, new Date(), new Date());
    return libtorchAt(join(target, "torch/lib"), "fetched");
  }
  sweep(home);
  const downloads = makeFolder(join(home, ".download"));
  const work = makeFolder(join(home, `.unpack-${Deno.pid}`));
  try {
    const wheels = await getWheels(build, downloads, { options, device, mayUsePip: index === undefined });
    for (const wheel of wheels) {
      const item = basename(wheel);
      await unpackWheel(wheel, work, {
        onProgress: (doneBytes, totalBytes) => options.onProgress?.({ stage: "unpack", item, doneBytes, totalBytes }),
      });
    }
    if (!existsSync(join(work, "torch/lib/libtorch.so"))) {
      throw new SetupError(
        `Cannot use ${wheels.map((wheel) => basename(wheel)).join(", ")}: libtorch.so is not in it.`,
        {
          cure: "check that the index offers wheels of torch for Linux",
        },
      );
    }
    if (existsSync(target)) Deno.removeSync(target, { recursive: true });
    Deno.renameSync(work, target);
    for (const wheel of wheels) if (wheel.startsWith(downloads)) Deno.removeSync(wheel);
    if ([...Deno.readDirSync(downloads)].length === 0) Deno.removeSync(downloads);
  } catch (error) {
    throw errorCode(error) === undefined ? error : diskError(`unpack libtorch into "${home}"`, error);
  } finally {
    if (existsSync(work)) Deno.removeSync(work, { recursive: true });
  }
  return libtorchAt(join(target, "torch/lib"), "fetched");
}

/** Removes what killed set-ups left half unpacked. Parts of downloads stay: they are gone on with. */
function sweep(home: string): void {
  for (const { name } of [...Deno.readDirSync(home)]) {
    const pid = /^\.unpack-(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) Deno.removeSync(join(home, name), { recursive: true });
  }
}

interface Plan {
  readonly options: FetchOptions;
  readonly device: SetupDevice;
  readonly mayUsePip: boolean;
}

/** The paths of the wheels, the torch wheel first. */
async function getWheels(build: Build, downloads: string, plan: Plan): Promise<string[]> {
  const arch = wheelArch();
  const { options } = plan;
  let complaint = "";
  if (plan.mayUsePip) {
    const { wheels, complaint: said } = await viaPip([`torch==${build.version}`], downloads, {
      plan,
      arch,
      deps: false,
    });
    if (wheels.length > 0) return [...wheels, ...await nvidiaWheels(wheels, downloads, { plan, arch })];
    complaint = `pip: ${said}`;
    options.say?.(`pip cannot bring torch ${build.version} (${said}); fetching it directly`);
  }
  try {
    const wheel = await direct(build, downloads, { options, arch });
    return [wheel, ...await nvidiaWheels([wheel], downloads, { plan, arch })];
  } catch (error) {
    if (!(error instanceof SetupError) || complaint === "") throw error;
    throw new SetupError(`${error.message} Before that, ${complaint}`, { cure: error.cure, cause: error });
  }
}

async function viaPip(
  requirements: readonly string[],
  downloads: string,
  { plan, arch, deps }: { plan: Plan; arch: string; deps: boolean },
): Promise<{ wheels: string[]; complaint: string }> {
  const folder = Deno.makeTempDirSync({ dir: downloads, prefix: "pip-" });
  const item = requirements[0] ?? "";
  const report = (doneBytes: number): void =>
    plan.options.onProgress?.({ stage: "pip", item, doneBytes, totalBytes: undefined });
  try {
    report(0);
    const { wheels, complaint } = await pipDownload(requirements, folder, { arch, deps, onBytes: report });
    const moved = wheels.map((wheel) => join(downloads, basename(wheel)));
    wheels.forEach((wheel, i) => Deno.renameSync(wheel, moved[i] ?? wheel));
    return { wheels: moved, complaint };
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** What a cuda wheel needs beside itself. A rocm or cpu wheel carries everything. */
async function nvidiaWheels(
  wheels: readonly string[],
  downloads: string,
  { plan, arch }: { plan: Plan; arch: string },
): Promise<string[]> {
  const [torch] = wheels;
  if (plan.device !== "cuda" || torch === undefined) return [];
  const requirements = nvidiaRequirements(await readFromWheel(torch, ".dist-info/METADATA") ?? "");
  if (requirements.length === 0) return [];
  const { wheels: found, complaint } = await viaPip(requirements, downloads, { plan, arch, deps: true });
  if (found.length > 0) return found.filter((wheel) => wheel !== torch);
  throw new SetupError(`Cannot fetch the NVIDIA libraries that ${basename(torch)} needs: ${complaint}.`, {
    cure: "install pip and run it again, or use the libtorch of a Python environment with --libtorch",
  });
}

async function direct(
  build: Build,
  downloads: string,
  { options, arch }: { options: FetchOptions; arch: string },
): Promise<string> {
  const local = /^https?:/.test(build.index) ? undefined : resolve(build.index.replace(/^file:\/\//, ""));
  const links = local === undefined ? await readIndex(build.index, options.signal) : readFolder(local);
  const link = pickWheel(links, { version: build.version, arch });
  if (link === undefined) {
    throw new SetupError(`Cannot find a wheel of torch ${build.version} for Linux on ${arch} in ${build.index}.`, {
      cure: "name another index with WANTUNE_WHEEL_INDEX, or another version with --version",
    });
  }
  if (local !== undefined) return join(local, link.filename);
  const path = join(downloads, link.filename);
  if (existsSync(path)) Deno.removeSync(path);
  await download(link.url, path, {
    ...(link.sha256 === undefined ? {} : { digest: { kind: "sha256", hex: link.sha256 } }),
    signal: options.signal,
    refused: ({ status, statusText }) =>
      new SetupError(`Cannot download ${link.url}: the server answers ${`${status} ${statusText}`.trim()}.`, {
        cure: "check the address, or name a mirror with WANTUNE_WHEEL_INDEX",
      }),
    onProgress: (doneBytes, totalBytes) =>
      options.onProgress?.({ stage: "download", item: link.filename, doneBytes, totalBytes }),
  });
  return path;
}

async function readIndex(index: string, signal: AbortSignal | undefined): Promise<ReturnType<typeof parseIndex>> {
  const page = `${index.replace(/\/+$/, "")}/torch/`;
  let response: Response;
  try {
    const patience = AbortSignal.timeout(60_000);
    response = await fetch(page, { signal: signal === undefined ? patience : AbortSignal.any([signal, patience]) });
  } catch (error) {
    throw new SetupError(`Cannot read ${page}: ${messageOf(error)}.`, {
      cure: "check the network, name a mirror with WANTUNE_WHEEL_INDEX, or a libtorch with --libtorch",
      cause: error,
    });
  }
  const text = await response.text();
  if (!response.ok) {
    throw new SetupError(`Cannot read ${page}: the server answers ${response.status}.`, {
      cure: "check the address of the index (WANTUNE_WHEEL_INDEX)",
    });
  }
  return parseIndex(text, response.url || page);
}

function readFolder(folder: string): ReturnType<typeof parseIndex> {
  try {
    return [...Deno.readDirSync(folder)].filter((entry) => entry.name.endsWith(".whl"))
      .map((entry) => ({ filename: entry.name, url: join(folder, entry.name), sha256: undefined }));
  } catch (error) {
    throw new SetupError(`Cannot read the folder of wheels "${folder}": ${messageOf(error)}.`, { cause: error });
  }
}
