/**
 * The readers of files that strangers made, fed with broken ones: every outcome but a clear refusal or entries inside the file
 * is a failure. `WANTUNE_LARGE=1` makes it more than 100 000 inputs.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { generatorOf, type Random } from "../support/random.ts";
import { WeightsError } from "../../src/base/mod.ts";
import { liveHandles } from "../../src/torch/mod.ts";
import { openWeights } from "../../src/weights/mod.ts";
import type { ByteSource } from "../../src/weights/regions.ts";
import { readHeader } from "../../src/weights/safetensors.ts";
import { readPth } from "../../src/weights/pth/contents.ts";
import { ownGoldenDir } from "../support/paths.ts";
import { withFolder } from "../support/tmp.ts";
import { useTorch } from "../support/torch.ts";
import { fileBytes } from "./hostile.ts";
import { memorySource } from "./memory_source.ts";
import { dictPickle, int, pickle, tensorOps, text, torchFile } from "./pth_bytes.ts";

await useTorch();

const LARGE = Deno.env.get("WANTUNE_LARGE") === "1";
/** Inputs for each reader. */
const COUNT = LARGE ? 75_000 : 4_000;
/** One in so many goes through a real file and has its tensors loaded. */
const ON_DISK = LARGE ? 20 : 40;
const SLOWEST_MS = 2_000;

const DATA = new Uint8Array(new Float32Array(12).map((_, i) => i).buffer);

/** Small files of every feature that the readers know. */
const TORCH_PICKLES = [
  dictPickle({
    a: tensorOps({ count: 12, shape: [3, 4], strides: [4, 1] }),
    b: tensorOps({ count: 12, offset: 2, shape: [2, 3], strides: [1, 2] }),
    c: pickle("](", int(7), text("x"), 0x88, "Ne"),
  }),
  pickle(
    "}",
    "q",
    0,
    "h",
    0,
    text("w"),
    tensorOps({ key: "1", type: "BFloat16Storage", count: 24, shape: [], strides: [] }),
    "s.",
  ),
];
const SAFETENSORS = [
  { a: { dtype: "F32", shape: [3, 4], data_offsets: [0, 48] } },
  {
    __metadata__: { format: "pt" },
    b: { dtype: "BF16", shape: [2, 2], data_offsets: [0, 8] },
    "c.weight": { dtype: "F8_E4M3", shape: [40], data_offsets: [8, 48] },
  },
].map((header) => fileBytes(JSON.stringify(header), DATA));

const STORAGES = { "0": DATA, "1": DATA };
const TORCH_FILES = TORCH_PICKLES.flatMap((
  ops,
) => [torchFile(ops, STORAGES), torchFile(ops, STORAGES, { zip64: true })]);

const NASTY = [0, 1, 0x7f, 0x80, 0xff, 0xfe, 0x2e, 0x28, 0x5b, 0x7b, 0x22, 0x30, 0x39];

/** A few changes: bytes, runs of one byte, 32-bit extremes, cuts, pieces copied over or taken out. */
function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  let out: number[] = [...bytes];
  for (let change = random.below(4) + 1; change > 0; change--) {
    const at = random.below(out.length + 1), length = random.below(12) + 1;
    switch (random.below(7)) {
      case 0:
        out[Math.min(at, out.length)] = random.below(256);
        break;
      case 1:
        out.splice(at, 1, NASTY[random.below(NASTY.length)] ?? 0);
        break;
      case 2:
        out.splice(at, 4, ...[0xff, 0xff, 0xff, random.below(2) * 0x7f]);
        break;
      case 3:
        out.splice(at, length);
        break;
      case 4:
        out.splice(at, 0, ...out.slice(random.below(out.length + 1)).slice(0, length));
        break;
      case 5:
        out.splice(at, length, ...Array<number>(length).fill(NASTY[random.below(NASTY.length)] ?? 0));
        break;
      default:
        if (random.below(4) === 0) out = out.slice(0, at);
    }
  }
  return new Uint8Array(out);
}

interface Outcome {
  read: number;
  refused: number;
  slowest: number;
}

/** Reads one input from memory: it must be refused, or give entries inside of it, having read no more than there is. */
function attempt(
  bytes: Uint8Array,
  options: {
    read: (source: ByteSource) => { entries: ReadonlyMap<string, { start: number; end: number }> };
    outcome: Outcome;
  },
): void {
  const { read, outcome } = options;
  const source = memorySource(bytes);
  const began = performance.now();
  try {
    for (const { start, end } of read(source).entries.values()) {
      assert.ok(start >= 0 && start <= end && end <= bytes.length, `entry ${start} to ${end} of ${bytes.length}`);
    }
    outcome.read++;
  } catch (error) {
    if (!(error instanceof WeightsError)) throw error;
    assert.ok(error.message.length < 1_000, error.message);
    outcome.refused++;
  }
  // Every buffer that a reader allocates is one that it asked for here: all of them together are no longer than the file,
  // beyond 64 KiB than the file and its end, which is read first.
  const most = bytes.length + (bytes.length > 2 ** 16 ? 2 ** 16 + 22 : 0);
  assert.ok(source.bytesRead <= most, `${source.bytesRead} bytes read of ${bytes.length}`);
  outcome.slowest = Math.max(outcome.slowest, performance.now() - began);
}

/** The same through a file, tensors and all. */
function attemptOnDisk(path: string, bytes: Uint8Array): void {
  writeFileSync(path, bytes);
  try {
    using weights = openWeights(path);
    for (const key of weights.keys()) {
      using read = weights.load(key), mapped = weights.mapped(key);
      assert.deepEqual(read.shape, mapped.shape);
      assert.ok(read.numBytes <= bytes.length, `${key} of ${read.numBytes} bytes in a file of ${bytes.length}`);
    }
  } catch (error) {
    if (!(error instanceof WeightsError)) throw error;
  }
}

async function fuzz(
  name: string,
  options: { inputs: (random: Random) => Uint8Array; read: Parameters<typeof attempt>[1]["read"] },
): Promise<void> {
  await withFolder((folder) => {
    const outcome: Outcome = { read: 0, refused: 0, slowest: 0 };
    const before = liveHandles();
    for (let i = 0; i < COUNT; i++) {
      const bytes = options.inputs(generatorOf(i));
      try {
        attempt(bytes, { read: options.read, outcome });
        if (i % ON_DISK === 0) attemptOnDisk(join(folder, name), bytes);
      } catch (error) {
        throw new Error(`input ${i} of ${name}`, { cause: error });
      }
    }
    assert.equal(liveHandles(), before);
    assert.ok(outcome.slowest < SLOWEST_MS, `the slowest input took ${outcome.slowest} ms`);
    assert.ok(outcome.read > COUNT / 100 && outcome.refused > COUNT / 4, JSON.stringify(outcome));
  });
}

const pick = <T>(list: readonly T[], random: Random): T => list[random.below(list.length)] as T;

Deno.test("broken safetensors files are refused or harmless", () =>
  fuzz("f.safetensors", { inputs: (random) => mutate(pick(SAFETENSORS, random), random), read: readHeader }));

Deno.test("broken torch files are refused or harmless", () =>
  fuzz("f.pth", {
    // half of them broken in the pickle alone, inside a sound archive
    inputs: (random) =>
      random.below(2) === 0
        ? mutate(pick(TORCH_FILES, random), random)
        : torchFile(mutate(pick(TORCH_PICKLES, random), random), STORAGES, { zip64: random.below(2) === 0 }),
    read: readPth,
  }));

Deno.test("a torch file of the published kind survives damage", () => {
  const sound = Deno.readFileSync(join(ownGoldenDir(), "cases/original_vae21/Wan2.1_VAE.pth"));
  const outcome: Outcome = { read: 0, refused: 0, slowest: 0 };
  for (let i = 0; i < (LARGE ? 2_000 : 20); i++) {
    const random = generatorOf(i);
    const bytes = sound.slice();
    for (let change = 0; change < 8; change++) {
      const inPickle = random.below(3) > 0;
      bytes[inPickle ? 60 + random.below(23_889) : random.below(bytes.length)] = random.below(256);
    }
    attempt(bytes, { read: readPth, outcome });
  }
  assert.equal(outcome.read + outcome.refused, LARGE ? 2_000 : 20);
});

Deno.test("files made to explode end quickly, in a heap that has no room for what they ask for", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      "--v8-flags=--max-old-space-size=128",
      join(import.meta.dirname ?? ".", "bombs.ts"),
    ],
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr).slice(0, 2_000));
  for (
    const [name, { milliseconds }] of Object.entries<{ milliseconds: number }>(
      JSON.parse(new TextDecoder().decode(stdout)),
    )
  ) {
    assert.ok(milliseconds < 5 * SLOWEST_MS, `${name} took ${milliseconds} ms`); // much longer than others
  }
});
