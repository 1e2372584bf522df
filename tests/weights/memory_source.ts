/** A file in memory that counts what is read from it. */

import assert from "node:assert/strict";
import type { ByteSource } from "../../src/weights/regions.ts";

/** Bytes as a source; reading outside of them fails the test. */
export function memorySource(bytes: Uint8Array): ByteSource & { bytesRead: number } {
  return {
    path: "/m/w.pth",
    size: bytes.length,
    bytesRead: 0,
    read(offset, length): Uint8Array {
      assert.ok(
        Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0 &&
          offset + length <= bytes.length,
        `read of ${length} bytes at ${offset} of ${bytes.length}`,
      );
      this.bytesRead += length;
      return bytes.subarray(offset, offset + length);
    },
  };
}
