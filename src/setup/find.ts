/** Finds a libtorch on this machine: named, fetched earlier, or part of a Python environment. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { SetupError } from "../base/errors.ts";
import { libtorchCacheFolder } from "../base/mod.ts";

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
      if (existsSync(join(dir, "libtorch.so"))) return { dir, version: versionOf(dir), source: "named" };
    }
    throw new SetupError(`Cannot use libtorch in ${named}: there is no libtorch.so.`, {
      cure: "Name the folder that holds it, or run `wantune setup` to fetch one.",
    });
  }
  const cache = libtorchCacheFolder();
  const fetched = existsSync(cache) ? readdirSync(cache).sort().reverse() : [];
  for (const name of fetched) {
    const dir = join(cache, name, "torch/lib");
    if (existsSync(join(dir, "libtorch.so"))) return { dir, version: versionOf(dir), source: "fetched" };
  }
  const python = await pythonLibtorch();
  if (python !== undefined) return python;
  throw new SetupError("Cannot find libtorch on this machine.", {
    cure: "Run `wantune setup` to fetch it, or name its folder with --libtorch or WANTUNE_LIBTORCH.",
  });
}

/** The version a wheel's `version.py` states. */
function versionOf(dir: string): string {
  const file = join(dirname(dir), "version.py");
  if (!existsSync(file)) return "unknown";
  return /__version__ = '([^']+)'/.exec(readFileSync(file, "utf8"))?.[1] ?? "unknown";
}

async function pythonLibtorch(): Promise<Libtorch | undefined> {
  const script = "import importlib.util as u; s = u.find_spec('torch'); print(s.origin if s else '')";
  try {
    const { success, stdout } = await new Deno.Command("python3", { args: ["-c", script], stderr: "null" }).output();
    const origin = new TextDecoder().decode(stdout).trim();
    if (!success || origin === "") return undefined;
    const dir = join(dirname(origin), "lib");
    const version = versionOf(dir);
    const supported = SUPPORTED_MINORS.some((minor) => version.startsWith(`${minor}.`));
    return supported && existsSync(join(dir, "libtorch.so")) ? { dir, version, source: "python" } : undefined;
  } catch {
    return undefined; // no Python on the PATH
  }
}
