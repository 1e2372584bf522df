/**
 * The element types of safetensors files, under the format's names and under ours. Types of the format that libtorch has
 * no everyday tensor for (unsigned 16 to 64 bits, sub-byte floats, complex) are left out: a file that holds one is refused.
 *
 * Source: safetensors, safetensors/src/tensor.rs, Dtype.
 */

/** Format name → our name and bytes an element, in the order in which the format's writers sort tensors. */
export const FORMAT_DTYPES = {
  I64: { dtype: "int64", bytes: 8 },
  F64: { dtype: "float64", bytes: 8 },
  F32: { dtype: "float32", bytes: 4 },
  I32: { dtype: "int32", bytes: 4 },
  BF16: { dtype: "bfloat16", bytes: 2 },
  F16: { dtype: "float16", bytes: 2 },
  I16: { dtype: "int16", bytes: 2 },
  F8_E4M3: { dtype: "float8_e4m3fn", bytes: 1 },
  F8_E5M2: { dtype: "float8_e5m2", bytes: 1 },
  I8: { dtype: "int8", bytes: 1 },
  U8: { dtype: "uint8", bytes: 1 },
  BOOL: { dtype: "bool", bytes: 1 },
} as const;

/** A type as the file names it. */
export type FormatDType = keyof typeof FORMAT_DTYPES;

/** A type as tensors name it; every one of them is also a `DType` of `torch`. */
export type WeightDType = (typeof FORMAT_DTYPES)[FormatDType]["dtype"];

const BY_DTYPE = new Map<string, { format: FormatDType; bytes: number; rank: number }>(
  (Object.keys(FORMAT_DTYPES) as FormatDType[]).map((format, rank) => [
    FORMAT_DTYPES[format].dtype,
    { format, bytes: FORMAT_DTYPES[format].bytes, rank },
  ]),
);

/** Whether the format and we both know this type name of a file. */
export function isFormatDType(name: unknown): name is FormatDType {
  return typeof name === "string" && Object.hasOwn(FORMAT_DTYPES, name);
}

/**
 * How one of our types is written: the file's name for it, its bytes an element, and its place in the writer's order.
 * @throws {RangeError} for a type that safetensors files cannot hold
 */
export function formatOf(dtype: string): { format: FormatDType; bytes: number; rank: number } {
  const known = BY_DTYPE.get(dtype);
  if (known === undefined) throw new RangeError(`safetensors files cannot hold tensors of type ${dtype}`);
  return known;
}
