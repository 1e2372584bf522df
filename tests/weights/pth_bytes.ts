/** Builds torch files (zip archives with a pickle) that are as right or as wrong as a test wants them. */

const ENCODER = new TextEncoder();

/** One stored file; the fields that lie are for tests. */
export interface Stored {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly method?: number;
  readonly flags?: number;
  /** The size that the directory claims. */
  readonly claimed?: number;
  /** Where the directory says it begins. */
  readonly header?: number;
}

/** A zip archive of stored files, with a zip64 end where asked. */
export function zipOf(files: readonly Stored[], options: { zip64?: boolean } = {}): Uint8Array {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const file of files) {
    const name = ENCODER.encode(file.name);
    const size = file.claimed ?? file.bytes.length;
    const header = file.header ?? offset;
    const local = record(30, [
      [4, 0x04034b50],
      [2, 0],
      [2, file.flags ?? 0],
      [2, file.method ?? 0],
      [4, 0],
      [4, 0],
      [4, size],
      [
        4,
        size,
      ],
      [2, name.length],
      [2, 0],
    ]);
    directory.push(
      record(46, [
        [4, 0x02014b50],
        [2, 0],
        [2, 0],
        [2, file.flags ?? 0],
        [2, file.method ?? 0],
        [4, 0],
        [4, 0],
        [4, size],
        [
          4,
          size,
        ],
        [2, name.length],
        [2, options.zip64 ? 12 : 0],
        [2, 0],
        [2, 0],
        [2, 0],
        [4, 0],
        [
          4,
          options.zip64 ? 0xffffffff : header,
        ],
      ]),
      name,
    );
    if (options.zip64) directory.push(record(12, [[2, 1], [2, 8], [8, header]]));
    parts.push(local, name, file.bytes);
    offset += local.length + name.length + file.bytes.length;
  }
  const body = join(directory);
  parts.push(body);
  if (options.zip64) {
    parts.push(
      record(56, [[4, 0x06064b50], [8, 44], [4, 0], [8, 0], [8, files.length], [8, files.length], [8, body.length], [
        8,
        offset,
      ]]),
      record(20, [[4, 0x07064b50], [4, 0], [8, offset + body.length], [4, 1]]),
    );
  }
  parts.push(record(22, [[4, 0x06054b50], [4, 0], [2, files.length], [2, files.length], [4, body.length], [
    4,
    options.zip64 ? 0xffffffff : offset,
  ], [2, 0]]));
  return join(parts);
}

/** A torch file around a pickle. */
export function torchFile(
  pickle: Uint8Array,
  storages: Readonly<Record<string, Uint8Array>> = {},
  options: { zip64?: boolean } = {},
): Uint8Array {
  const data = Object.entries(storages).map(([key, bytes]) => ({ name: `m/data/${key}`, bytes }));
  return zipOf([{ name: "m/data.pkl", bytes: pickle }, ...data, {
    name: "m/byteorder",
    bytes: ENCODER.encode("little"),
  }], options);
}

/** Bytes of pickle operations: numbers are bytes, text is what it is. */
export function pickle(...parts: readonly (number | string | Uint8Array)[]): Uint8Array {
  return join(
    parts.map((part) =>
      typeof part === "number" ? new Uint8Array([part]) : typeof part === "string" ? ENCODER.encode(part) : part
    ),
  );
}

/** A short text. */
export function text(value: string): Uint8Array {
  const bytes = ENCODER.encode(value);
  return pickle("X", record(4, [[4, bytes.length]]), bytes);
}

/** A number of four bytes. */
export function int(value: number): Uint8Array {
  return pickle("J", record(4, [[4, value >>> 0]]));
}

/** A tuple of numbers. */
export function ints(values: readonly number[]): Uint8Array {
  return pickle("(", ...values.map(int), "t");
}

/** What rebuilds a tensor. */
export function tensorOps(
  options: { key?: string; type?: string; count: number; offset?: number; shape: number[]; strides: number[] },
): Uint8Array {
  const { key = "0", type = "FloatStorage", count, offset = 0, shape, strides } = options;
  const storage = pickle("(", text("storage"), `ctorch\n${type}\n`, text(key), text("cpu"), int(count), "tQ");
  const hooks = pickle("ccollections\nOrderedDict\n)R");
  return pickle(
    "ctorch._utils\n_rebuild_tensor_v2\n(",
    storage,
    int(offset),
    ints(shape),
    ints(strides),
    0x89,
    hooks,
    "tR",
  );
}

/** A dict of what is given, with the protocol before and the stop behind. */
export function dictPickle(items: Readonly<Record<string, Uint8Array>>): Uint8Array {
  return pickle(0x80, 2, "}(", ...Object.entries(items).flatMap(([name, ops]) => [text(name), ops]), "u.");
}

/** Little-endian fields of the given widths, padded with zeros to `size`. */
function record(size: number, fields: readonly (readonly [bytes: number, value: number])[]): Uint8Array {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [width, value] of fields) {
    if (width === 2) view.setUint16(at, value, true);
    else if (width === 4) view.setUint32(at, value, true);
    else view.setBigUint64(at, BigInt(value), true);
    at += width;
  }
  return bytes;
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
