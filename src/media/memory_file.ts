/**
 * A file without a name that lives in memory (Linux: `memfd_create`). Another program writes it, and here its bytes are used
 * where they lie: nothing is read or copied, and the writer waits for nobody.
 */

import { SetupError } from "../base/mod.ts";

const SYMBOLS = {
  memfd_create: { parameters: ["buffer", "u32"], result: "i32" }, // const char* name, unsigned flags
  mmap: { parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"], result: "pointer" }, // address, length, protection, flags, file, offset
  munmap: { parameters: ["pointer", "usize"], result: "i32" }, // address, length
  close: { parameters: ["i32"], result: "i32" }, // file
} as const satisfies Deno.ForeignLibraryInterface;

const CLOSE_ON_EXEC = 1;
const READ_WRITE = 3;
const SHARED = 1;
/** What mmap returns when it fails. */
const FAILED = 2n ** 64n - 1n;
const CURE = "free some memory, or let fewer programs run at once";

/** Holds its memory until it is disposed of; the arrays that it gave are empty from then on. */
export class MemoryFile implements Disposable {
  /** Opened for each file, as that takes a millisecond, so that nothing of it outlives the file. */
  readonly #libc = Deno.dlopen("libc.so.6", SYMBOLS);
  readonly #file: number;
  #mapped: { readonly pointer: Deno.PointerValue; readonly bytes: ArrayBuffer } | undefined;

  /** An empty file. @throws {SetupError} if the system has no more files to give */
  constructor() {
    this.#file = this.#libc.symbols.memfd_create(new TextEncoder().encode("frames\0"), CLOSE_ON_EXEC);
    if (this.#file >= 0) return;
    this.#libc.close();
    throw new SetupError("Cannot make a file in memory", { cure: CURE });
  }

  /** Where programs of the same user open it while this process holds it. */
  get path(): string {
    return `/proc/${Deno.pid}/fd/${this.#file}`;
  }

  /** Bytes that it is long. */
  get size(): number {
    return Deno.statSync(this.path).size;
  }

  /**
   * Its bytes, once: all that was written, then zeros up to `size`.
   * @param size at least one byte, and no less than was written
   * @throws {SetupError} if there is no room for them
   */
  map(size: number): Uint8Array<ArrayBuffer> {
    Deno.truncateSync(this.path, size);
    const pointer = this.#libc.symbols.mmap(null, BigInt(size), READ_WRITE, SHARED, this.#file, 0n);
    if (pointer === null || Deno.UnsafePointer.value(pointer) === FAILED) {
      throw new SetupError(`Cannot map ${size} bytes of frames`, { cure: CURE });
    }
    const bytes = Deno.UnsafePointerView.getArrayBuffer(pointer, size);
    this.#mapped = { pointer, bytes };
    return new Uint8Array(bytes);
  }

  [Symbol.dispose](): void {
    if (this.#mapped !== undefined) {
      const { pointer, bytes } = this.#mapped;
      const size = bytes.byteLength;
      bytes.transfer(0); // so that a late look finds nothing, instead of memory that is somebody else's
      this.#libc.symbols.munmap(pointer, BigInt(size));
    }
    this.#libc.symbols.close(this.#file);
    this.#libc.close();
  }
}
