/**
 * Opens libtorch and the shim. Checked in this order: that libtorch can be loaded, that its version is the one the shim
 * was compiled for, and that every operator has the schema the wrappers were made from. A shim loaded into another
 * libtorch misbehaves without a word, hence the version before the shim.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { SetupError } from "../base/mod.ts";
import { SCHEMAS } from "./gen/ops.ts";
import { type Native, opened, resolveOperator, schemaOf, setOpened, SYMBOLS, type Symbols } from "./library.ts";

/** Version of the C boundary that this program speaks (`wt_abi`). */
const ABI = 1;

/** `2.13` for the value of libtorch's own `aoti_torch_abi_version`, which carries the version in its upper bytes. */
function minorOf(version: bigint): string {
  return `${version >> 56n}.${(version >> 48n) & 0xffn}`;
}

/** The version of a libtorch folder, asked from the library itself. @throws {SetupError} if it cannot be loaded */
export function libtorchMinor(libtorch: string): string {
  const path = join(libtorch, "libtorch.so");
  if (!existsSync(path)) {
    throw new SetupError(`Cannot open libtorch in ${libtorch}: there is no libtorch.so.`, {
      cure: "Name the folder that holds it with --libtorch or WANTUNE_LIBTORCH, or run `wantune setup`.",
    });
  }
  // Host threads that spin while they wait make a busy machine crawl; libgomp reads this once, when it is loaded.
  if (Deno.env.get("OMP_WAIT_POLICY") === undefined) Deno.env.set("OMP_WAIT_POLICY", "passive");
  try {
    const library = Deno.dlopen(path, { aoti_torch_abi_version: { parameters: [], result: "u64" } });
    return minorOf(BigInt(library.symbols.aoti_torch_abi_version()));
  } catch (cause) {
    throw new SetupError(`Cannot open libtorch in ${libtorch}: ${(cause as Error).message}.`, {
      cure: "Fetch a fresh copy with `wantune setup --force`.",
      cause,
    });
  }
}

/**
 * Opens libtorch and the shim; every tensor lives in this process from here on.
 * @param options.libtorch folder that holds `libtorch.so`
 * @param options.shim path of the shim compiled for the same minor version
 * @param options.torchMinor the minor version the shim was compiled for, `2.13`
 * @param options.threads host threads, libtorch's own choice if absent
 * @param options.check compares the schemas of all operators; only the generator of the wrappers turns it off
 * @throws {SetupError} if something is missing, or was made for another libtorch
 */
export function openTorch(
  options: { libtorch: string; shim: string; torchMinor: string; threads?: number; check?: boolean },
): Native {
  if (opened !== undefined) return opened;
  const minor = libtorchMinor(options.libtorch);
  if (minor !== options.torchMinor) {
    throw new SetupError(
      `Cannot use libtorch ${minor} in ${options.libtorch}: the shim ${options.shim} was compiled for ${options.torchMinor}.`,
      { cure: "Compile one for it with `wantune setup`, or name the libtorch it was made for with --libtorch." },
    );
  }
  let symbols: Symbols;
  try {
    symbols = Deno.dlopen(options.shim, SYMBOLS).symbols;
  } catch (cause) {
    throw new SetupError(`Cannot open the shim ${options.shim}: ${(cause as Error).message}.`, {
      cure: "Compile it anew with `wantune setup --force`.",
      cause,
    });
  }
  if (symbols.wt_abi() !== ABI) {
    throw new SetupError(`Cannot use the shim ${options.shim}: it speaks boundary ${symbols.wt_abi()}, not ${ABI}.`, {
      cure: "Compile it anew with `wantune setup --force`.",
    });
  }
  const buffer = (pointer: Deno.PointerValue, bytes: number): ArrayBuffer => {
    if (pointer === null) throw new SetupError(`The shim ${options.shim} has no buffers.`);
    return Deno.UnsafePointerView.getArrayBuffer(pointer, bytes);
  };
  const bytes = symbols.wt_words() * 8;
  const library: Native = {
    symbols,
    words: new Float64Array(buffer(symbols.wt_arguments(), bytes)),
    results: new Float64Array(buffer(symbols.wt_results(), bytes)),
    text: new Uint8Array(buffer(symbols.wt_text(), symbols.wt_text_capacity())),
    torchMinor: minor,
  };
  if (options.check !== false) resolveOperators(library);
  if (options.threads !== undefined) symbols.wt_threads(options.threads);
  setOpened(library);
  return library;
}

function resolveOperators(library: Native): void {
  SCHEMAS.forEach((wanted, index) => {
    const op = resolveOperator(library, wanted.slice(0, wanted.indexOf("(")));
    const found = schemaOf(library, op);
    if (op !== index || found !== wanted) {
      throw new SetupError(
        `Cannot use libtorch ${library.torchMinor}: an operator differs. It has ${found}; wantune was made for ${wanted}.`,
        { cure: "Use a supported libtorch: `wantune setup` fetches one." },
      );
    }
  });
}
