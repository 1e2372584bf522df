/** Finds a libtorch on this machine: named, fetched earlier, or part of a Python environment. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { libtorchCacheFolder, SetupError } from "../base/mod.ts";

/** A libtorch: the folder of `libtorch.so`, its version (`2.13.0+cpu`, or "unknown") and where it was found. */
export interface Libtorch {
  readonly dir: string;
  readonly version: string;
  readonly source: "named" | "fetched" | "python";
}

/** Minor versions of libtorch that wantune works with, newest last. */
export const SUPPORTED_MINORS: readonly string[] = ["2.11", "2.12", "2.13", "2.14"];

/**
 * The libtorch to use: `options.libtorch` or `WANTUNE_LIBTORCH`, else one that `wantune setup` fetched, else a Python
 * environment's.
 * @throws {SetupError} if there is none, or the named folder holds none
 */
export async function findLibtorch(options: { libtorch?: string } = {}): Promise<Libtorch> {
  const named = options.libtorch ?? Deno.env.get("WANTUNE_LIBTORCH");
  if (named) {
    for (const dir of [resolve(named), resolve(named, "lib"), resolve(named, "torch/lib")]) {
      if (existsSync(join(dir, "libtorch.so"))) return supported(libtorchAt(dir, "named"));
    }
    throw new SetupError(`Cannot use libtorch in ${named}: there is no libtorch.so.`, {
      cure: "Name the folder that holds it, or run `wantune setup` to fetch one.",
    });
  }
  const [fetched] = fetchedLibtorchs();
  if (fetched !== undefined) return fetched;
  const python = await pythonLibtorch();
  if (python !== undefined) return python;
  throw new SetupError("Cannot find libtorch on this machine.", {
    cure: "Run `wantune setup` to fetch it, or name its folder with --libtorch or WANTUNE_LIBTORCH.",
  });
}

/** What `wantune setup` fetched, the last one first. */
export function fetchedLibtorchs(): Libtorch[] {
  const cache = libtorchCacheFolder();
  if (!existsSync(cache)) return [];
  return readdirSync(cache)
    .filter((name) => !name.startsWith(".") && existsSync(join(cache, name, "torch/lib/libtorch.so")))
    .map((name) => ({ name, time: statSync(join(cache, name)).mtimeMs }))
    .sort((a, b) => b.time - a.time)
    .map(({ name }) => libtorchAt(join(cache, name, "torch/lib"), "fetched"))
    .filter(isSupported);
}

/** The libtorch in a folder, with the version that is written beside it. */
export function libtorchAt(dir: string, source: Libtorch["source"]): Libtorch {
  return { dir, version: versionOf(dir), source };
}

function isSupported({ version }: Libtorch): boolean {
  return version === "unknown" || SUPPORTED_MINORS.some((minor) => version.startsWith(`${minor}.`));
}

function supported(libtorch: Libtorch): Libtorch {
  if (isSupported(libtorch)) return libtorch;
  throw new SetupError(
    `Cannot use libtorch ${libtorch.version} in ${libtorch.dir}: versions ${SUPPORTED_MINORS[0]} to ${
      SUPPORTED_MINORS.at(-1)
    } are supported.`,
    { cure: "Name another one, or run `wantune setup` to fetch one that fits." },
  );
}

/** The version that a wheel's `version.py`, or the `build-version` of a plain libtorch archive, states. */
function versionOf(dir: string): string {
  const file = join(dirname(dir), "version.py");
  const plain = join(dirname(dir), "build-version");
  if (!existsSync(file)) return existsSync(plain) ? readFileSync(plain, "utf8").trim() : "unknown";
  return /__version__ = '([^']+)'/.exec(readFileSync(file, "utf8"))?.[1] ?? "unknown";
}

async function pythonLibtorch(): Promise<Libtorch | undefined> {
  const script = "import importlib.util as u; s = u.find_spec('torch'); print(s.origin if s else '')";
  try {
    const { success, stdout } = await new Deno.Command("python3", { args: ["-c", script], stderr: "null" }).output();
    const origin = new TextDecoder().decode(stdout).trim();
    if (!success || origin === "") return undefined;
    const dir = join(dirname(origin), "lib");
    const found = libtorchAt(dir, "python");
    return found.version !== "unknown" && isSupported(found) && existsSync(join(dir, "libtorch.so"))
      ? found
      : undefined;
  } catch {
    return undefined; // no Python on the PATH
  }
}
