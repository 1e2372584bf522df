/**
 * The shim for a libtorch: a prebuilt one that this program carries, else one compiled here into the cache. A shim serves
 * one minor version of libtorch; its folder is named by everything it was made from, so a stale one is never used.
 */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { assetPath, makeFolder, SetupError, shimCacheFolder } from "../base/mod.ts";
import { SUPPORTED_MINORS } from "./find.ts";

const NAME = "libwantune.so";
const FLAGS = ["-std=c++20", "-O2", "-fPIC", "-fvisibility=hidden"];
// `-z now`: a symbol that libtorch lacks is an error when the shim is opened, not the end of the process later on.
const LINK = ["-shared", "-Wl,-z,now", "-Wl,--no-undefined"];
// With libtorch's own C++ library: streams and exceptions cross, and crash on a second copy that a compiler builds in.
const LIBRARIES = ["-ltorch", "-ltorch_cpu", "-lc10", "-l:libstdc++.so.6"];

/**
 * The path of a shim that fits.
 * @param libtorch folder that holds `libtorch.so`; its headers lie in `../include`
 * @param minor its version, `2.13`
 * @param options.force compiles even if one is there
 * @param options.say told what takes long, one line each
 * @throws {SetupError} if none fits and none can be compiled
 */
export async function shimFor(
  libtorch: string,
  options: { minor: string; force?: boolean; say?: (line: string) => void },
): Promise<string> {
  const there = options.force ? undefined : findShim(options.minor);
  if (there !== undefined) return there;
  if (!SUPPORTED_MINORS.includes(options.minor)) {
    const [oldest, newest] = [SUPPORTED_MINORS[0], SUPPORTED_MINORS.at(-1)];
    throw new SetupError(
      `Cannot use libtorch ${options.minor} in ${libtorch}: versions ${oldest} to ${newest} are supported.`,
      { cure: "Name another one, or run `wantune setup` to fetch one that fits." },
    );
  }
  const target = compiledPath(options.minor);
  options.say?.(`Compiling the shim for libtorch ${options.minor} (about half a minute, once)`);
  await compile({ sources: sourceFiles(), libtorch, target });
  return target;
}

/** The shim for a minor version, `2.13`, if it need not be compiled: carried by this program, or compiled earlier. */
export function findShim(minor: string): string | undefined {
  const prebuilt = assetPath(`dist/shims/libwantune-${minor}.so`);
  if (prebuilt !== undefined) return unpack(prebuilt);
  const target = compiledPath(minor);
  return existsSync(target) ? target : undefined;
}

function compiledPath(minor: string): string {
  const hash = createHash("sha256").update(JSON.stringify([minor, FLAGS, LINK, LIBRARIES]));
  for (const path of sourceFiles()) hash.update(path.slice(path.lastIndexOf("/"))).update(readFileSync(path));
  return join(shimCacheFolder(), `${minor}-${hash.digest("hex").slice(0, 16)}`, NAME);
}

/** Copies an embedded shim to the cache: the dynamic linker needs a real file. Never into a temporary folder. */
function unpack(prebuilt: string): string {
  const bytes = readFileSync(prebuilt);
  const target = join(shimCacheFolder(), createHash("sha256").update(bytes).digest("hex").slice(0, 16), NAME);
  if (!existsSync(target)) {
    makeFolder(dirname(target));
    const partial = `${target}.${Deno.pid}`;
    Deno.writeFileSync(partial, bytes, { mode: 0o755 });
    renameSync(partial, target);
  }
  return target;
}

function sourceFiles(): string[] {
  const folder = assetPath("ffi");
  if (folder === undefined) throw new SetupError("This build of wantune carries no sources of the shim.");
  return readdirSync(folder).filter((name) => /\.(cpp|h)$/.test(name)).sort().map((name) => join(folder, name));
}

async function compile(options: { sources: readonly string[]; libtorch: string; target: string }): Promise<void> {
  const include = join(dirname(options.libtorch), "include");
  if (!existsSync(join(include, "ATen"))) {
    throw new SetupError(`Cannot compile the shim: libtorch's headers are not in ${include}.`, {
      cure: "Use a libtorch that has them: `wantune setup` fetches one.",
    });
  }
  const compiler = await findCompiler();
  const folder = makeFolder(dirname(options.target));
  const work = Deno.makeTempDirSync({ dir: folder, prefix: "build-" });
  try {
    // Sources may lie inside the executable, where a compiler cannot read them.
    const local = options.sources.map((path) => {
      const copy = join(work, path.slice(path.lastIndexOf("/") + 1));
      Deno.writeFileSync(copy, readFileSync(path));
      return copy;
    });
    const includes = ["-I", include, "-I", join(include, "torch/csrc/api/include")];
    const objects = await Promise.all(
      local.filter((path) => path.endsWith(".cpp")).map(async (source) => {
        const object = source.replace(/\.cpp$/, ".o");
        await run(compiler, [...FLAGS, ...includes, "-c", source, "-o", object]);
        return object;
      }),
    );
    const libraries = ["-L", options.libtorch, ...LIBRARIES];
    const partial = join(work, NAME);
    await run(compiler, [...LINK, ...objects, "-o", partial, ...libraries]);
    renameSync(partial, options.target);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The C++ compiler that would be used: `CXX`, g++, c++ or clang++. @throws {SetupError} if there is none */
export async function findCompiler(): Promise<string> {
  for (const name of [Deno.env.get("CXX"), "g++", "c++", "clang++"]) {
    if (name === undefined) continue;
    try {
      const { success } = await new Deno.Command(name, { args: ["--version"], stdout: "null", stderr: "null" })
        .output();
      if (success) return name;
    } catch {
      // not on the PATH: the next one
    }
  }
  throw new SetupError("Cannot compile the shim: there is no C++ compiler (g++, c++ or clang++).", {
    cure: "Install one, on Debian with `apt-get install g++`.",
  });
}

async function run(program: string, args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args, stdout: "null", stderr: "piped" }).output();
  if (success) return;
  const text = new TextDecoder().decode(stderr);
  const line = text.split("\n").find((candidate) => candidate.includes("error")) ?? text.split("\n")[0];
  throw new SetupError(`Cannot compile the shim: ${program} says ${line}.`, {
    cure: "Use GCC 11 or later, or Clang 14 or later.",
  });
}
