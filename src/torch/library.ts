/** The shim's functions and buffers, and the one place that knows whether they are open. */
import { SetupError, TorchError } from "../base/mod.ts";

/** The C boundary as ffi/shim.h declares it. */
export const SYMBOLS = {
  wt_abi: { parameters: [], result: "i32" },
  wt_arguments: { parameters: [], result: "pointer" },
  wt_results: { parameters: [], result: "pointer" },
  wt_text: { parameters: [], result: "pointer" },
  wt_words: { parameters: [], result: "i32" },
  wt_text_capacity: { parameters: [], result: "i32" },
  wt_text_length: { parameters: [], result: "i32" },
  wt_live: { parameters: [], result: "i32" },
  wt_torch_version: { parameters: [], result: "i32" },
  wt_operator: { parameters: [/* length */ "i32"], result: "i32" },
  wt_schema: { parameters: [/* op */ "i32"], result: "i32" },
  wt_call: { parameters: [/* op */ "i32", /* nargs */ "i32"], result: "i32" },
  wt_call_void: { parameters: [/* op */ "i32", /* nargs */ "i32"], result: "i32" },
  wt_free: { parameters: [/* handle */ "i32"], result: "i32" },
  wt_free_many: { parameters: [/* count */ "i32"], result: "i32" },
  wt_meta: { parameters: [/* handle */ "i32"], result: "i32" },
  wt_requires_grad: { parameters: [/* handle */ "i32", /* on */ "i32"], result: "i32" },
  wt_sole: { parameters: [/* handle */ "i32"], result: "i32" },
  wt_item: { parameters: [/* handle */ "i32"], result: "i32" },
  wt_bytes_in: { parameters: [/* handle */ "i32", /* bytes */ "buffer", /* length */ "f64"], result: "i32" },
  wt_bytes_out: { parameters: [/* handle */ "i32", /* bytes */ "buffer", /* length */ "f64"], result: "i32" },
  wt_data: { parameters: [/* handle */ "i32"], result: "pointer" },
  wt_grad_mode: { parameters: [/* on */ "i32"], result: "i32" },
  wt_autograd_grad: { parameters: [/* outputs */ "i32", /* inputs */ "i32", /* flags */ "i32"], result: "i32" },
  wt_host_linear: { parameters: [/* x */ "i32", /* weight */ "i32", /* bias */ "i32"], result: "i32" },
  wt_quantized_linear: {
    parameters: [/* x */ "i32", /* codes */ "i32", /* scales */ "i32", /* kind */ "i32", /* out */ "i32"],
    result: "i32",
  },
  wt_dequantize: {
    parameters: [
      ...[/* codes */ "i32", /* scales */ "i32", /* kind */ "i32", /* out */ "i32", /* in */ "i32", /* dtype */ "i32"],
    ] as const,
    result: "i32",
  },
  wt_generator: {
    parameters: [/* device type */ "i32", /* index */ "i32", /* seed high */ "f64", /* seed low */ "f64"],
    result: "i32",
  },
  wt_generator_free: { parameters: [/* handle */ "i32"], result: "i32" },
  wt_map: { parameters: [/* path length */ "i32"], result: "i32" },
  wt_map_tensor: { parameters: [/* mapping */ "i32"], result: "i32" },
  wt_unmap: { parameters: [/* mapping */ "i32"], result: "i32" },
  wt_read_tensor: { parameters: [/* path length */ "i32"], result: "i32" },
  wt_prefetch: { parameters: [/* path length */ "i32", /* offset */ "f64", /* bytes */ "f64"], result: "i32" },
  wt_stream: { parameters: [/* device type */ "i32", /* index */ "i32"], result: "i32" },
  wt_stream_swap: { parameters: [/* stream */ "i32"], result: "i32" },
  wt_stream_free: { parameters: [/* stream */ "i32"], result: "i32" },
  wt_event: { parameters: [/* device type */ "i32"], result: "i32" },
  wt_event_record: { parameters: [/* event */ "i32", /* device type */ "i32", /* index */ "i32"], result: "i32" },
  wt_event_wait: { parameters: [/* event */ "i32", /* device type */ "i32", /* index */ "i32"], result: "i32" },
  wt_event_free: { parameters: [/* event */ "i32"], result: "i32" },
  wt_device_count: { parameters: [/* device type */ "i32"], result: "i32" },
  wt_synchronize: { parameters: [/* device type */ "i32", /* index */ "i32"], result: "i32" },
  wt_memory: { parameters: [/* device type */ "i32", /* index */ "i32"], result: "i32" },
  wt_reset_peak: { parameters: [/* device type */ "i32", /* index */ "i32"], result: "i32" },
  wt_empty_cache: { parameters: [/* device type */ "i32"], result: "i32" },
  wt_limit_host_memory: { parameters: [/* bytes */ "f64"], result: "i32" },
  wt_keep_host_memory: { parameters: [/* bytes */ "f64"], result: "i32" },
  wt_deterministic: { parameters: [/* on */ "i32"], result: "i32" },
  wt_threads: { parameters: [/* count */ "i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** The functions of the shim. */
export type Symbols = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** An open shim: its functions and its shared buffers. */
export interface Native {
  readonly symbols: Symbols;
  /** Argument words; `words.length` is the capacity. */
  readonly words: Float64Array;
  /** Result words. */
  readonly results: Float64Array;
  /** UTF-8 text in both directions. */
  readonly text: Uint8Array;
  /** Version of the libtorch that is loaded, `2.13`. */
  readonly torchMinor: string;
}

/** The open library, for hot paths. Only valid after `openTorch`; read it through `native()` outside of hot paths. */
export let opened: Native | undefined;

/** The open library. @throws {SetupError} if `openTorch` was not called */
export function native(): Native {
  if (opened === undefined) throw new SetupError("A tensor was asked for before libtorch was opened.");
  return opened;
}

/** Makes a library the open one. Called by `openTorch` alone. */
export function setOpened(library: Native): void {
  opened = library;
}

/** The shim's last text. */
export function readText(library: Native, length: number = library.symbols.wt_text_length()): string {
  return new TextDecoder().decode(library.text.slice(0, length));
}

/** Writes text for the shim and returns its length in bytes. */
export function writeText(library: Native, text: string): number {
  const { read, written } = new TextEncoder().encodeInto(text, library.text);
  if (read < text.length) throw new RangeError(`a text of ${text.length} characters is too long for the shim`);
  return written;
}

/** Resolves one operator by name and returns its number. @throws {TorchError} if libtorch has none of that name */
export function resolveOperator(library: Native, name: string): number {
  const op = library.symbols.wt_operator(writeText(library, name));
  if (op < 0) throw new TorchError(readText(library));
  return op;
}

/** The schema of a resolved operator, as libtorch prints it. */
export function schemaOf(library: Native, op: number): string {
  return readText(library, library.symbols.wt_schema(op));
}
