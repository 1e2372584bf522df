// deno-lint-ignore-file no-console
/**
 * Feeds the readers with small files that ask for much: run in a process of its own, with little heap. Prints what became
 * of each as JSON; a heap that overflows ends the process.
 */
import { WeightsError } from "../../src/base/mod.ts";
import { readPth } from "../../src/weights/pth/contents.ts";
import type { ByteSource } from "../../src/weights/regions.ts";
import { readHeader } from "../../src/weights/safetensors.ts";
import { fileBytes } from "./hostile.ts";
import { memorySource } from "./memory_source.ts";
import { dictPickle, int, pickle, text, torchFile, zipOf } from "./pth_bytes.ts";

/** About so many things in each, most of one byte to five. */
const MANY = 300_000;

/** Lists in the memo's places 1 to `levels`, each of them the one before twice. */
const doubling = (levels: number): Uint8Array =>
  pickle("]q", 0, ...Array.from({ length: levels }, (_, i) => pickle("](", "h", i, "h", i, "eq", i + 1)));

const PICKLES: Record<string, Uint8Array> = {
  "many containers": pickle("](", "]".repeat(MANY), "e."),
  "many marks": pickle("(".repeat(MANY), "."),
  "a deep stack": pickle("]".repeat(MANY), "."),
  "a list that holds itself again and again": pickle("]q", 0, "h\0a".repeat(MANY), "."),
  "lists that double": pickle(doubling(200), "."),
  "a name of lists that double": pickle(doubling(60), text("a"), 0x93, "."),
  "a large memo": pickle("]", new Uint8Array(MANY).fill(0x94), "."),
  "a long list made a dict again and again": pickle(
    "](",
    ...Array.from({ length: 20_000 }, (_, i) => pickle(int(i), "K", 1, 0x86)),
    "eq",
    0,
    "0ccollections\nOrderedDict\nq",
    1,
    "0](",
    ...Array.from({ length: 40_000 }, () => pickle("h", 1, "h", 0, 0x85, "R")),
    "e.",
  ),
  "a long name above many short ones": dictPickle({
    ["a".repeat(MANY)]: pickle("}(", ...Array.from({ length: 40_000 }, (_, i) => pickle(int(i), "K", 1)), "u"),
  }),
};

const manyFiles = Array.from({ length: 20_000 }, (_, i) => ({ name: `m/data/${i}`, bytes: new Uint8Array(0) }));
const header = (entries: string): Uint8Array => fileBytes(`{${entries}}`, new Uint8Array(0));
const list = (of: string, count: number): string => `[${Array<string>(count).fill(of).join(",")}]`;

const FILES: Record<string, { bytes: Uint8Array; read: (source: ByteSource) => unknown }> = {
  ...Object.fromEntries(
    Object.entries(PICKLES).map(([name, ops]) => [name, { bytes: torchFile(ops), read: readPth }]),
  ),
  "an archive of many files": {
    bytes: zipOf([{ name: "m/data.pkl", bytes: dictPickle({}) }, ...manyFiles]),
    read: readPth,
  },
  "a directory that names one place again and again": {
    bytes: zipOf([
      { name: "m/data.pkl", bytes: dictPickle({}) },
      ...manyFiles.map((file) => ({ ...file, name: `${file.name}${"n".repeat(40)}`, header: 0 })),
    ]),
    read: readPth,
  },
  "a header of many lists": {
    bytes: header(`"a":${list(list(list("[]", 60), 60), 60)}`),
    read: readHeader,
  },
  "a header of many entries": {
    bytes: header(Array.from({ length: 50_000 }, (_, i) => `"${i}":{"a":{}}`).join(",")),
    read: readHeader,
  },
  "a header whose type is a long text": {
    bytes: header(`"a":{"dtype":"${"\\u0001".repeat(MANY)}"}`),
    read: readHeader,
  },
};

const outcomes = Object.entries(FILES).map(([name, { bytes, read }]) => {
  const began = performance.now();
  let outcome = "read";
  try {
    read(memorySource(bytes));
  } catch (error) {
    if (!(error instanceof WeightsError)) throw error;
    outcome = error.message;
  }
  return [name, { outcome, bytes: bytes.length, milliseconds: Math.round(performance.now() - began) }] as const;
});
console.log(JSON.stringify(Object.fromEntries(outcomes), undefined, 1));
