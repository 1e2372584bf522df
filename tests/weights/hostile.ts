/** Builds safetensors bytes that are as right or as wrong as a test wants them. */

/** Eight little-endian bytes of length, then `json`, then `data`. */
export function fileBytes(json: string | Uint8Array, data: Uint8Array, claimed?: bigint): Uint8Array {
  const text = typeof json === "string" ? new TextEncoder().encode(json) : json;
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, claimed ?? BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}

/** A header entry of the format. */
export function entry(dtype: unknown, shape: unknown, offsets: unknown): Record<string, unknown> {
  return { dtype, shape, data_offsets: offsets };
}
