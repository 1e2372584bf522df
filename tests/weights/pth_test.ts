import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { WeightsError } from "../../src/base/mod.ts";
import { openWeights } from "../../src/weights/mod.ts";
import { readPth } from "../../src/weights/pth/contents.ts";
import { TensorFile } from "../../src/weights/tensor_file.ts";
import { ownGoldenDir } from "../support/paths.ts";
import { withFolder } from "../support/tmp.ts";
import { leakFree, useTorch } from "../support/torch.ts";
import { dictPickle, int, pickle, tensorOps, text, torchFile, zipOf } from "./pth_bytes.ts";
import { memorySource } from "./memory_source.ts";

await useTorch();

const FLOATS = new Uint8Array(new Float32Array([0, 1, 2, 3, 4, 5]).buffer);

function refuses(bytes: Uint8Array, message: RegExp): void {
  assert.throws(() => readPth(memorySource(bytes)), (error: unknown) => {
    assert.ok(error instanceof WeightsError, String(error));
    assert.match(error.message, message);
    assert.doesNotMatch(error.message, /\n/);
    return true;
  });
}

Deno.test("a torch file gives the tensors that the same safetensors file gives", () => {
  leakFree(() => {
    const folder = join(ownGoldenDir(), "cases/original_vae21");
    using pth = openWeights(join(folder, "Wan2.1_VAE.pth"));
    using safetensors = openWeights(join(folder, "vae.safetensors"));
    assert.deepEqual([...pth.keys()].sort(), [...safetensors.keys()].sort());
    for (const key of pth.keys()) assert.ok(pth.load(key).equal(safetensors.load(key)), key);
  });
});

Deno.test("views, shared storages, zip64 and nested containers are read; words become metadata", () =>
  withFolder((folder) => {
    const two = (options: { offset?: number; strides: number[] }): Uint8Array =>
      tensorOps({ count: 6, shape: [2, 2], ...options });
    const bytes = dictPickle({
      plain: two({ strides: [2, 1] }),
      turned: two({ offset: 1, strides: [1, 2] }),
      inner: pickle("}", text("name"), text("dog"), "s", text("list"), "](", int(-3), two({ strides: [2, 1] }), "es"),
    });
    for (const zip64 of [false, true]) {
      const path = join(folder, "m.pth");
      writeFileSync(path, torchFile(bytes, { "0": FLOATS }, { zip64 }));
      leakFree(() => {
        using file = TensorFile.open(path, readPth);
        assert.deepEqual([...file.entries.keys()], ["plain", "turned", "inner.list.1"]);
        assert.deepEqual(Object.fromEntries(file.metadata), { "inner.name": "dog", "inner.list.0": "-3" });
        assert.deepEqual(file.read("plain").toNumbers(), [0, 1, 2, 3]);
        for (const turned of [file.read("turned"), file.mapped("turned")]) {
          assert.deepEqual(turned.toNumbers(), [1, 3, 2, 4]);
        }
        assert.deepEqual(file.read("turned", { dtype: "bfloat16" }).toNumbers(), [1, 3, 2, 4]);
      });
    }
  }));

Deno.test("a state_dict inside a training checkpoint is what is read", () => {
  const tensor = tensorOps({ count: 6, shape: [6], strides: [1] });
  const inner = pickle("}", text("w"), tensor, "s", "}", text("_metadata"), "}sb"); // with attributes of an OrderedDict
  const bytes = torchFile(dictPickle({ epoch: int(3), state_dict: inner }), { "0": FLOATS });
  assert.deepEqual([...readPth(memorySource(bytes)).entries.keys()], ["w"]);
});

Deno.test("a pickle that asks for code is refused by the name that it asks for", () => {
  const call = pickle(0x80, 2, "cos\nsystem\n(", text("true"), "tR.");
  refuses(torchFile(call), /asks for "os\.system", and only tensors/);
  refuses(torchFile(pickle(0x80, 4, text("builtins"), text("eval"), 0x93, ".")), /asks for "builtins\.eval"/);
  refuses(torchFile(pickle(0x80, 2, "c__builtin__\ngetattr\n.")), /__builtin__\.getattr/);
  refuses(torchFile(pickle(0x80, 2, "ctorch._utils\n_rebuild_sparse_tensor\n.")), /_rebuild_sparse_tensor/);
  refuses(torchFile(pickle(0x80, 2, `c${"x".repeat(100_000)}\ny\n.`)), /asks for "x{100}"/);
  refuses(torchFile(pickle(0x80, 2, "(itorch\nFloatStorage\n.")), /operation 0x69/);
  refuses(torchFile(pickle(0x80, 2, "P1\n.")), /operation 0x50/);
});

Deno.test("a damaged or hostile pickle is refused", () => {
  const refusesPickle = (message: RegExp, ...parts: (number | string | Uint8Array)[]): void =>
    refuses(torchFile(pickle(...parts), { "0": FLOATS }), message);
  refusesPickle(/breaks off/, 0x80, 2, "X\xff");
  refusesPickle(/breaks off/, 0x80, 2, "}");
  refusesPickle(/breaks off/, 0x8d, new Uint8Array(8).fill(0xff), ".");
  refusesPickle(/protocol 9/, 0x80, 9, "}.");
  refusesPickle(/not there/, ".");
  refusesPickle(/not there/, "(.");
  refusesPickle(/never made/, "h", 7, ".");
  refusesPickle(/number of 200 bytes/, 0x8a, 200, new Uint8Array(200), ".");
  refusesPickle(/neither text nor numbers/, "}]]s.");
  refusesPickle(/no dict/, "](Ne", "(NNu.");
  refusesPickle(/no list/, "}Na.");
  refusesPickle(/did not begin/, "t.");
  refusesPickle(/no function/, "]]R.");
  refusesPickle(/no storage/, "}Q.");
  // a list that holds itself, and lists that double at each level
  refusesPickle(/nests deeper/, "](", ...Array<string>(20).fill("]"), "e0]q", 0, "h", 0, "a.");
  const doubling = Array.from({ length: 7 }, (_, i) => pickle("](", "h", i, "h", i, "eq", i + 1));
  refusesPickle(/longer than the file/, "](", ...Array<string>(40).fill("]"), "eq", 0, ...doubling, ".");
  refusesPickle(/without a name/, "]]", 0x93, ".");
});

Deno.test("a tensor that does not fit its storage is refused", () => {
  const refusesTensor = (message: RegExp, options: Parameters<typeof tensorOps>[0], stored = FLOATS): void =>
    refuses(torchFile(dictPickle({ w: tensorOps(options) }), { "0": stored }), message);
  const good = { count: 6, shape: [2, 3], strides: [3, 1] };
  refusesTensor(/does not fit its 20 bytes/, good, FLOATS.subarray(0, 20));
  refusesTensor(/does not fit/, { ...good, offset: 1 });
  refusesTensor(/does not fit/, { ...good, strides: [4, 1] });
  refusesTensor(/does not fit/, { ...good, shape: [2_000_000_000, 2_000_000_000], strides: [0, 0] });
  refusesTensor(/does not fit/, { ...good, shape: [2_000_000_000, 2_000_000_000, 0], strides: [1, 1, 1] });
  refusesTensor(/makes no sense/, { ...good, strides: [1] });
  refusesTensor(/makes no sense/, { ...good, shape: [-1, 3] });
  refusesTensor(/makes no sense/, { ...good, shape: Array<number>(9).fill(1), strides: Array<number>(9).fill(1) });
  refusesTensor(/entry "7", which is not there/, { ...good, key: "7" });
  refusesTensor(/entry "\.\.\/data\.pkl", which/, { ...good, key: "../data.pkl" });
  refusesTensor(/QInt8Storage/, { ...good, type: "QInt8Storage" });
});

Deno.test("an archive that is damaged, packed or no torch file is refused", () => {
  const good = torchFile(dictPickle({}));
  assert.equal(readPth(memorySource(good)).entries.size, 0);
  refuses(good.subarray(0, good.length - 1), /no directory at its end/);
  refuses(new Uint8Array(0), /no torch file/);
  refuses(pickle(0x80, 2, 0x8a, 10), /before 1\.6/);
  refuses(zipOf([{ name: "a.txt", bytes: FLOATS }]), /no data\.pkl/);
  const data = { name: "m/data.pkl", bytes: dictPickle({}) };
  refuses(zipOf([data, { ...data, name: "n/data.pkl" }]), /more than one data\.pkl/);
  refuses(zipOf([data, data]), /is in it twice/);
  refuses(zipOf([{ ...data, method: 8 }]), /is compressed/);
  refuses(zipOf([{ ...data, flags: 1 }]), /is encrypted/);
  refuses(zipOf([{ ...data, claimed: 0xfffffff0 }]), /lies outside/);
  refuses(zipOf([{ ...data, claimed: 40 }]), /not where its directory says/);
  refuses(zipOf([{ ...data, header: 5 }]), /not where its directory says/);
  refuses(zipOf([data, { name: "m/byteorder", bytes: pickle("big") }]), /"big" byte order/);
});
