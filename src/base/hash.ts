/** Content hashes: what a file or value is, independent of its name and of the order of its keys. */

import { createHash, hash } from "node:crypto";

const CHUNK_BYTES = 1 << 20;

/** SHA-256 of bytes or of a text's UTF-8, in lower-case hex. */
export function sha256(data: Uint8Array | string): string {
  if (typeof data === "string") return hash("sha256", data, "hex"); // faster for what is short
  return createHash("sha256").update(data).digest("hex");
}

/** SHA-256 of a file, read in pieces. @throws {Deno.errors.NotFound} and other errors of the system */
export function sha256File(path: string): string {
  const whole = createHash("sha256");
  using file = Deno.openSync(path);
  const buffer = new Uint8Array(CHUNK_BYTES);
  for (let read = file.readSync(buffer); read !== null; read = file.readSync(buffer)) {
    whole.update(buffer.subarray(0, read));
  }
  return whole.digest("hex");
}

/**
 * JSON with sorted keys and without spaces; absent (`undefined`) members are left out.
 * @throws {TypeError} for what JSON cannot hold exactly: functions, symbols, NaN, infinities
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === "boolean" || typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new TypeError(`Cannot hash ${value}: JSON has no such number`);
    return String(value); // as JSON writes it
  }
  if (typeof value === "bigint") return value.toString();
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(",")}]`;
  if (typeof value === "object") {
    let text = "";
    for (const key of Object.keys(value).sort()) {
      const member = (value as Readonly<Record<string, unknown>>)[key];
      if (member !== undefined) text += `${text === "" ? "" : ","}${JSON.stringify(key)}:${canonicalJson(member)}`;
    }
    return `{${text}}`;
  }
  throw new TypeError(`Cannot hash a ${typeof value}`);
}

/** SHA-256 (hex) of a value's canonical JSON: equal for equal content whatever the order of the keys. */
export function stableHash(value: unknown): string {
  return sha256(canonicalJson(value));
}
