import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { WeightsError } from "../../src/base/mod.ts";
import { type Header, headerLength, LENGTH_BYTES, MAX_HEADER_BYTES, parseHeader } from "../../src/weights/header.ts";
import { ownGoldenDir } from "../support/paths.ts";
import { entry, fileBytes } from "./hostile.ts";

/** What a reader does with a file that lies in memory. */
function parse(bytes: Uint8Array, fileSize = bytes.length): Header {
  const source = { path: "w.safetensors", fileSize };
  const length = headerLength(bytes.subarray(0, LENGTH_BYTES), source);
  return parseHeader(bytes.subarray(LENGTH_BYTES, LENGTH_BYTES + length), source);
}

function header(value: unknown, dataBytes: number): Uint8Array {
  return fileBytes(JSON.stringify(value), new Uint8Array(dataBytes));
}

/** One line, and it says what the test expects. */
function refuses(bytes: Uint8Array, message: RegExp): void {
  assert.throws(() => parse(bytes), (error: unknown) => {
    assert.ok(error instanceof WeightsError, String(error));
    assert.match(error.message, message);
    assert.match(error.message, /^Cannot read .*w\.safetensors/);
    assert.doesNotMatch(error.message, /\n/);
    assert.ok(error.message.length < 500);
    return true;
  });
}

Deno.test("parseHeader() gives absolute offsets, shapes, our type names and the metadata", () => {
  const bytes = header({
    __metadata__: { format: "pt" },
    b: entry("BF16", [2, 3], [4, 16]),
    a: entry("F32", [], [0, 4]),
    empty: entry("I64", [0, 7], [16, 16]),
  }, 16);
  const { entries, metadata, dataOffset } = parse(bytes);
  assert.equal(dataOffset, bytes.length - 16);
  assert.deepEqual([...entries.keys()], ["a", "b", "empty"]);
  assert.deepEqual(entries.get("b"), {
    dtype: "bfloat16",
    shape: [2, 3],
    start: dataOffset + 4,
    end: dataOffset + 16,
  });
  assert.equal(metadata.get("format"), "pt");
});

Deno.test("parseHeader() reads the header of a golden file", () => {
  const bytes = new Uint8Array(readFileSync(`${ownGoldenDir()}/cases/lora_ti2v/comfy_ab_alpha.safetensors`));
  const { entries } = parse(bytes);
  assert.equal(entries.size, 90);
  assert.deepEqual(entries.get("diffusion_model.blocks.0.cross_attn.k.lora_A.weight")?.shape, [4, 48]);
});

Deno.test("parseHeader() takes names that are keys of every object", () => {
  const bytes = fileBytes('{"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', new Uint8Array(1));
  assert.deepEqual([...parse(bytes).entries.keys()], ["__proto__"]);
});

Deno.test("a length that lies is refused before the header is read", () => {
  const json = "{}";
  refuses(new Uint8Array(0), /has 0 bytes/);
  refuses(new Uint8Array(7), /has 7 bytes/);
  refuses(fileBytes(json, new Uint8Array(0), 3n), /claims 3 bytes, the whole file has 10/);
  refuses(fileBytes(json, new Uint8Array(0), 2n ** 64n - 1n), /claims 18446744073709551615 bytes/);
  refuses(fileBytes(json, new Uint8Array(0), 2n ** 63n), /claims/);
  refuses(fileBytes(json, new Uint8Array(0), 0n), /claims 0 bytes/);
  refuses(fileBytes(json, new Uint8Array(0), 1n), /claims 1 bytes/);
  const long = fileBytes(json, new Uint8Array(0), BigInt(MAX_HEADER_BYTES) + 1n);
  assert.throws(() => parse(long, 2 ** 40), /more than 100000000 are not read/);
});

Deno.test("files of other kinds are named", () => {
  const text = new TextEncoder();
  refuses(text.encode("version https://git-lfs.github.com/spec/v1\noid sha256:..."), /Git LFS pointer/);
  refuses(text.encode("PK\x03\x04 some archive/data.pkl"), /zip or \.pth/);
  refuses(text.encode("GGUF\x03\x00\x00\x00........"), /GGUF/);
  refuses(text.encode("<!DOCTYPE html><html>Not found</html>"), /web page/);
  refuses(text.encode("# Weight files\n\nWhat is read"), /it is a text file, not weights/);
});

Deno.test("a header that is not a JSON object in UTF-8 is refused", () => {
  refuses(fileBytes(new Uint8Array([0x7b, 0xff, 0x7d]), new Uint8Array(0)), /not UTF-8/);
  refuses(fileBytes(new Uint8Array([0x7b, 0xed, 0xa0, 0x80, 0x7d]), new Uint8Array(0)), /not UTF-8/);
  refuses(fileBytes("\ufeff{}", new Uint8Array(0)), /does not begin with \{/);
  refuses(fileBytes(" {}", new Uint8Array(0)), /does not begin with \{/);
  refuses(fileBytes("[]", new Uint8Array(0)), /does not begin with \{/);
  refuses(fileBytes("{]", new Uint8Array(0)), /not valid JSON/);
  refuses(fileBytes('{"a":', new Uint8Array(0)), /not valid JSON/);
  refuses(fileBytes("{}{}", new Uint8Array(0)), /not valid JSON/);
  refuses(fileBytes("{}\0", new Uint8Array(0)), /not valid JSON/);
});

Deno.test("keys that appear twice are refused, escaped or not", () => {
  const one = '{"dtype":"U8","shape":[1],"data_offsets":[0,1]}';
  refuses(fileBytes(`{"a":${one},"a":${one}}`, new Uint8Array(1)), /"a" appears twice/);
  refuses(fileBytes(`{"a":${one}, "\\u0061" :${one}}`, new Uint8Array(1)), /"a" appears twice/);
  refuses(
    fileBytes('{"a":{"dtype":"U8","dtype":"F32","shape":[1],"data_offsets":[0,1]}}', new Uint8Array(1)),
    /"dtype"/,
  );
  refuses(fileBytes('{"__metadata__":{"x":"1","x":"2"}}', new Uint8Array(0)), /"x" appears twice/);
  refuses(fileBytes('{"__metadata__":{},"__metadata__":{}}', new Uint8Array(0)), /"__metadata__" appears twice/);
});

Deno.test("a value that repeats a key is no key", () => {
  assert.equal(parse(fileBytes('{"__metadata__":{"x":"x","y":"x"}}', new Uint8Array(0))).metadata.get("y"), "x");
});

Deno.test("huge counts and deep nesting are refused quickly", () => {
  refuses(fileBytes(`{"a":${"[".repeat(1_000_000)}`, new Uint8Array(0)), /nests deeper than 8/);
  refuses(fileBytes('{"a":'.repeat(500_000), new Uint8Array(0)), /nests deeper than 8/);
  refuses(fileBytes(`{"a":{"shape":[1${",1".repeat(1_000_000)}]}}`, new Uint8Array(0)), /more than 64 elements/);
  const many = Array.from({ length: 100_001 }, (_, i) => `"${i}":0`).join(",");
  refuses(fileBytes(`{${many}}`, new Uint8Array(0)), /more than 100000 keys/);
  refuses(fileBytes(`{"${"x".repeat(10_000_000)}":0}`, new Uint8Array(0)), /must be an object/);
});

Deno.test("metadata must be strings under names", () => {
  refuses(header({ __metadata__: { a: 1 } }, 0), /a number under "a"/);
  refuses(header({ __metadata__: { a: null } }, 0), /null under "a"/);
  refuses(header({ __metadata__: { a: {} } }, 0), /an object under "a"/);
  refuses(header({ __metadata__: [] }, 0), /is a list/);
  refuses(header({ __metadata__: null }, 0), /is null/);
  refuses(header({ __metadata__: "x" }, 0), /is a string/);
});

Deno.test("entries of the wrong make are refused with the key's name", () => {
  refuses(header({ t: null }, 0), /"t".*is null/);
  refuses(header({ t: [] }, 0), /"t".*is a list/);
  refuses(header({ t: 3 }, 0), /"t".*is a number/);
  refuses(header({ t: {} }, 0), /"t".*type is missing/);
  refuses(header({ t: entry("F31", [1], [0, 4]) }, 4), /type is "F31", readable are I64, F64, F32/);
  refuses(header({ t: entry("f32", [1], [0, 4]) }, 4), /type is "f32"/);
  refuses(header({ t: entry("toString", [1], [0, 4]) }, 4), /type is "toString"/);
  refuses(header({ t: entry(["F32"], [1], [0, 4]) }, 4), /type is \["F32"\]/);
  refuses(header({ t: { dtype: "F32", data_offsets: [0, 4] } }, 4), /shape is missing/);
  refuses(header({ t: { dtype: "F32", shape: [1] } }, 4), /data_offsets are missing/);
});

Deno.test("sizes and offsets must be whole, not negative and exact", () => {
  for (const size of [-1, 0.5, 1e300, 2 ** 53, "1", null, [1], {}]) {
    refuses(header({ t: entry("U8", [size], [0, 1]) }, 1), /shape is .*whole numbers/);
    refuses(header({ t: entry("U8", [1], [0, size]) }, 1), /data_offsets are .*whole numbers/);
  }
  for (const offsets of [[], [0], [0, 1, 2], "01", { 0: 0, 1: 1, length: 2 }]) {
    refuses(header({ t: entry("U8", [1], offsets) }, 1), /two whole numbers/);
  }
  refuses(header({ t: entry("U8", "1", [0, 1]) }, 1), /shape is "1"/);
});

Deno.test("shapes whose product overflows are refused, also beside a zero", () => {
  refuses(header({ t: entry("U8", [2 ** 52, 2 ** 52], [0, 0]) }, 0), /more elements than any file/);
  refuses(header({ t: entry("U8", [2 ** 32, 2 ** 32], [0, 0]) }, 0), /more elements than any file/);
  refuses(header({ t: entry("I64", [2 ** 50, 2 ** 3], [0, 0]) }, 0), /more elements than any file/);
  refuses(header({ t: entry("U8", [0, 2 ** 52, 2 ** 52], [0, 0]) }, 0), /more elements than any file/);
});

Deno.test("bytes and shape must agree", () => {
  refuses(
    header({ t: entry("F32", [2, 3], [0, 23]) }, 23),
    /shape \[2,3\] of F32 takes 24 bytes, data_offsets give 23/,
  );
  refuses(header({ t: entry("F32", [], [0, 0]) }, 0), /takes 4 bytes/);
  refuses(header({ t: entry("F32", [0], [0, 4]) }, 4), /takes 0 bytes/);
});

Deno.test("offsets out of order or beyond the data are refused", () => {
  refuses(header({ t: entry("U8", [1], [1, 0]) }, 1), /end before they begin/);
  refuses(header({ t: entry("U8", [9], [0, 9]) }, 8), /end at 9 of the data, the file has 8/);
  refuses(header({ t: entry("U8", [1], [8, 9]) }, 8), /end at 9/);
});

Deno.test("overlaps, holes and left-over bytes are refused", () => {
  refuses(
    header({ a: entry("U8", [4], [0, 4]), b: entry("U8", [4], [3, 7]) }, 7),
    /"b".*bytes overlap those of "a"/,
  );
  refuses(header({ a: entry("U8", [4], [0, 4]), b: entry("U8", [4], [0, 4]) }, 4), /overlap/);
  refuses(header({ a: entry("U8", [4], [0, 4]), b: entry("U8", [4], [5, 9]) }, 9), /"b".*1 bytes before it/);
  refuses(header({ a: entry("U8", [4], [2, 6]) }, 6), /"a".*2 bytes before it/);
  refuses(header({ a: entry("U8", [4], [0, 4]) }, 5), /1 bytes at its end belong to no tensor/);
  refuses(header({}, 5), /5 bytes at its end/);
  refuses(header({ a: entry("U8", [0], [1, 1]), b: entry("U8", [2], [0, 2]) }, 2), /overlap/);
});

Deno.test("a file cut off anywhere is refused", () => {
  const whole = header({ a: entry("F32", [4], [0, 16]), b: entry("U8", [3], [16, 19]) }, 19);
  assert.equal(parse(whole).entries.size, 2);
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => parse(whole.slice(0, length)), WeightsError, `cut to ${length} bytes`);
  }
});

Deno.test("odd names keep a message on one line", () => {
  refuses(header({ "two\nlines": entry("U8", [1], [1, 0]) }, 1), /two\\nlines/);
  refuses(header({ ["x".repeat(5000)]: entry("U8", [1], [1, 0]) }, 1), /xxx\.\.\./);
});

/** Bytes of a small right file. */
const right = header({
  __metadata__: { format: "pt", note: "\u00e4\ud83d\ude00" },
  "blocks.0.q.weight": entry("F32", [2, 3], [0, 24]),
  "blocks.0.q.bias": entry("BF16", [2], [24, 28]),
  scalar: entry("I64", [], [28, 36]),
}, 36);

/** A parsed header promises that every tensor lies inside the file and has exactly its bytes. */
function holds(bytes: Uint8Array): void {
  let parsed: Header;
  try {
    parsed = parse(bytes);
  } catch (error) {
    assert.ok(error instanceof WeightsError, `not a WeightsError: ${error instanceof Error ? error.stack : error}`);
    return;
  }
  let covered = parsed.dataOffset;
  for (const { start, end } of parsed.entries.values()) {
    assert.equal(start, covered);
    covered = end;
  }
  assert.equal(covered, bytes.length);
}

Deno.test("any change of a few bytes is either refused or still a whole file", () => {
  const change = fc.record({
    at: fc.nat(right.length - 1),
    value: fc.oneof(fc.nat(255), fc.constantFrom(...'{}[]",:-.e019\\'.split("").map((c) => c.charCodeAt(0)))),
    kind: fc.constantFrom("set", "insert", "remove"),
  });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), fc.boolean(), (changes, fixLength) => {
      const bytes = [...right];
      for (const { at, value, kind } of changes) {
        if (kind === "set") bytes[at] = value;
        else if (kind === "insert") bytes.splice(at, 0, value);
        else bytes.splice(at, 1);
      }
      const changed = new Uint8Array(bytes);
      if (fixLength && changed.length > 44) {
        new DataView(changed.buffer).setBigUint64(0, BigInt(changed.length - 44), true);
      }
      holds(changed);
    }),
    { numRuns: 6000 },
  );
});

Deno.test("any JSON at all in the header's place is either refused or a whole file", () => {
  const number = fc.oneof(fc.nat(64), fc.integer(), fc.double(), fc.constantFrom(2 ** 31, 2 ** 53, 2 ** 64));
  const dtype = fc.oneof(fc.constantFrom("F32", "U8", "BF16", "F8_E4M3", "U16", "F4"), fc.string());
  const tensor = fc.record({
    dtype: fc.oneof(dtype, fc.jsonValue()),
    shape: fc.oneof(fc.array(number, { maxLength: 4 }), fc.jsonValue()),
    data_offsets: fc.oneof(fc.tuple(number, number), fc.jsonValue()),
  }, { requiredKeys: [] });
  const root = fc.dictionary(fc.oneof(fc.string(), fc.constant("__metadata__")), fc.oneof(tensor, fc.jsonValue()));
  fc.assert(fc.property(root, fc.nat(64), (value, size) => holds(header(value, size))), { numRuns: 2000 });
});
