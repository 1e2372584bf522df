/**
 * Opens libtorch and the shim. Checked in this order: that libtorch can be loaded, that its version is the one the shim
 * was compiled for, and that every operator has the schema the wrappers were made from. A shim loaded into another
 * libtorch misbehaves without a word, hence the version before the shim.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { messageOf, SetupError } from "../base/mod.ts";
import { SCHEMAS } from "./gen/ops.ts";
import { type Native, opened, resolveOperator, schemaOf, setOpened, SYMBOLS, type Symbols } from "./library.ts";

/** Version of the C boundary that this program speaks (`wt_abi`). */
const ABI = 5;
/**
 * Most bytes of freed host memory that are kept for the next tensors, and the share of the machine's memory. A step frees
 * what its graphs held, and the next one wants it back: measured on two blocks of width 1024 and 1,560 tokens, keeping
 * 256 MiB costs 90,000 page faults a step and 4 % of its time, 2 GiB none.
 */
const KEPT_HOST_MEMORY = { bytes: 2 ** 31 - 1, share: 1 / 8 };

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
  setThreadWaiting();
  // What cuBLAS wants for giving the same bits each time: work space of a fixed size. Read when a card is first used.
  if (Deno.env.get("CUBLAS_WORKSPACE_CONFIG") === undefined) Deno.env.set("CUBLAS_WORKSPACE_CONFIG", ":4096:8");
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
  const symbols = openShim(options.shim);
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
  if (options.check !== false) resolveOperators(library, SCHEMAS);
  const { bytes: most, share } = KEPT_HOST_MEMORY;
  symbols.wt_keep_host_memory(Math.min(most, share * Deno.systemMemoryInfo().total));
  if (options.threads !== undefined) symbols.wt_threads(options.threads);
  setOpened(library);
  return library;
}

/**
 * How host threads wait for each other, unless the environment says so; libgomp reads it once, when it is loaded. Threads
 * that spin start the next operator sooner; beside other busy programs they use up the time they need a moment later.
 * So they spin long on a quiet machine, else for about as long as waking a sleeping thread takes. Measured with two
 * threads on two cores, a training step of the demo alone / beside four busy programs: asleep at once 439 / 744 ms, 3000
 * turns 177 / 739 ms, 10000 turns 168 / 2082 ms, libgomp's own 300000 turns 153 ms alone. With 100000 turns steps of a tiny
 * model took 5 to 10 % longer than with 300000.
 */
function setThreadWaiting(): void {
  if (Deno.env.get("OMP_WAIT_POLICY") !== undefined || Deno.env.get("GOMP_SPINCOUNT") !== undefined) return;
  const isQuiet = 4 * othersRunning() <= navigator.hardwareConcurrency;
  Deno.env.set("OMP_WAIT_POLICY", "passive");
  Deno.env.set("GOMP_SPINCOUNT", isQuiet ? "300000" : "3000");
}

/** How many threads of other programs want a processor now: the middle of five looks. 0 where that cannot be seen. */
function othersRunning(): number {
  const looks: number[] = [];
  try {
    for (let i = 0; i < 5; i++) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2); // 2 ms
      looks.push(Number(/ (\d+)\/\d+ /.exec(Deno.readTextFileSync("/proc/loadavg"))?.[1] ?? 1) - 1);
    }
  } catch {
    return 0; // not Linux
  }
  return looks.sort((a, b) => a - b)[2] as number;
}

/** The shim's functions; its version first, as the functions of another one may be missing. */
function openShim(path: string): Symbols {
  try {
    const abi = Deno.dlopen(path, { wt_abi: SYMBOLS.wt_abi }).symbols.wt_abi();
    if (abi === ABI) return Deno.dlopen(path, SYMBOLS).symbols;
    throw new SetupError(`Cannot use the shim ${path}: it speaks boundary ${abi}, not ${ABI}.`, {
      cure: "Compile it anew with `wantune setup --force`.",
    });
  } catch (cause) {
    if (cause instanceof SetupError) throw cause;
    throw new SetupError(`Cannot open the shim ${path}: ${messageOf(cause)}.`, {
      cure: "Compile it anew with `wantune setup --force`.",
      cause,
    });
  }
}

/**
 * Resolves operators in the order of their schemas, so that each gets its place in the list as its number.
 * @throws {SetupError} naming the first one that this libtorch has otherwise, with both schemas
 */
export function resolveOperators(library: Native, schemas: readonly string[]): void {
  schemas.forEach((wanted, index) => {
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
