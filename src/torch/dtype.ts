/** Element types: libtorch's numbers, sizes and the JavaScript arrays that hold them. */

const CODES = {
  uint8: 0,
  int8: 1,
  int16: 2,
  int32: 3,
  int64: 4,
  float16: 5,
  float32: 6,
  float64: 7,
  complex64: 9,
  bool: 11,
  bfloat16: 15,
  float8_e5m2: 23,
  float8_e4m3fn: 24,
} as const;

/** An element type, by libtorch's name. */
export type DType = keyof typeof CODES;

const SIZES: Record<DType, number> = {
  uint8: 1,
  int8: 1,
  int16: 2,
  int32: 4,
  int64: 8,
  float16: 2,
  float32: 4,
  float64: 8,
  complex64: 8,
  bool: 1,
  bfloat16: 2,
  float8_e5m2: 1,
  float8_e4m3fn: 1,
};

const BY_CODE = new Map<number, DType>(Object.entries(CODES).map(([name, code]) => [code, name as DType]));

/** libtorch's number for a type (`c10::ScalarType`). */
export function dtypeCode(dtype: DType): number {
  return CODES[dtype];
}

/** The type behind libtorch's number. @throws {RangeError} for a type that wantune has no use for */
export function dtypeOf(code: number): DType {
  const dtype = BY_CODE.get(code);
  if (dtype === undefined) throw new RangeError(`libtorch's scalar type ${code} is not one that wantune uses`);
  return dtype;
}

/** Bytes of one element. */
export function dtypeSize(dtype: DType): number {
  return SIZES[dtype];
}

/** Whether a type holds fractions. */
export function isFloating(dtype: DType): boolean {
  return dtype.startsWith("float") || dtype === "bfloat16";
}
