import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { WeightsError } from "../../src/base/mod.ts";
import { full } from "../../src/torch/mod.ts";
import { openWeights, SafetensorsFile, saveSafetensors } from "../../src/weights/mod.ts";
import { ownGoldenDir } from "../support/paths.ts";
import { withFolder } from "../support/tmp.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

const SINGLE = join(ownGoldenDir(), "checkpoints/ti2v_5b/transformer");
const SHARDED = join(ownGoldenDir(), "checkpoints/t2v_a14b/transformer");

/** Writes one shard per list of names, each tensor filled with its shard's number, and returns the weight map. */
function writeShards(folder: string, shards: readonly (readonly string[])[]): Record<string, string> {
  const map: Record<string, string> = {};
  shards.forEach((names, i) => {
    const file = `model-0000${i + 1}-of-0000${shards.length}.safetensors`;
    const tensors = names.map((name) => [name, full([2], i + 1)] as const);
    saveSafetensors(join(folder, file), new Map(tensors), { metadata: { format: "pt", shard: String(i + 1) } });
    for (const [name, tensor] of tensors) {
      map[name] ??= file;
      tensor[Symbol.dispose]();
    }
  });
  return map;
}

function writeIndex(folder: string, map: unknown): void {
  writeFileSync(join(folder, "model.safetensors.index.json"), JSON.stringify({ weight_map: map }));
}

function refuses(path: string, message: RegExp): void {
  assert.throws(() => openWeights(path), (error: unknown) => {
    assert.ok(error instanceof WeightsError, String(error));
    assert.match(error.message, message);
    assert.doesNotMatch(error.message, /\n/);
    return true;
  });
}

Deno.test("openWeights() opens a folder with one file, and the file itself", () => {
  leakFree(() => {
    for (const path of [SINGLE, join(SINGLE, "diffusion_pytorch_model.safetensors")]) {
      using weights = openWeights(path);
      assert.equal(weights.keys().length, 96);
      assert.deepEqual(weights.shapeOf("scale_shift_table"), weights.load("scale_shift_table").shape);
      assert.equal(weights.dtypeOf("scale_shift_table"), "float32");
      assert.match(weights.describe(), /diffusion_pytorch_model\.safetensors \(96 tensors, .* [kM]B, float32\)$/);
    }
  });
});

Deno.test("openWeights() joins the shards of an index", () => {
  leakFree(() => {
    const index = JSON.parse(
      readFileSync(join(SHARDED, "diffusion_pytorch_model.safetensors.index.json"), "utf8"),
    ) as { weight_map: Record<string, string> };
    using weights = openWeights(SHARDED);
    assert.deepEqual([...weights.keys()].sort(), Object.keys(index.weight_map).sort());
    assert.match(weights.describe(), /in \d+ shards\)$/);
    for (const [key, shard] of Object.entries(index.weight_map)) {
      using file = SafetensorsFile.open(join(SHARDED, shard));
      assert.ok(weights.load(key).equal(file.mapped(key)));
      assert.ok(weights.mapped(key).equal(file.mapped(key)));
    }
  });
});

Deno.test("openWeights() opens shards that are symbolic links, as in a hub's cache", () =>
  withFolder((folder) => {
    mkdirSync(join(folder, "blobs"));
    mkdirSync(join(folder, "snapshot"));
    writeIndex(join(folder, "snapshot"), writeShards(join(folder, "blobs"), [["a"], ["b"]]));
    for (const name of readdirSync(join(folder, "blobs"))) {
      symlinkSync(join("../blobs", name), join(folder, "snapshot", name));
    }
    leakFree(() => {
      using weights = openWeights(join(folder, "snapshot"));
      assert.deepEqual(weights.load("b").toNumbers(), [2, 2]);
      assert.equal(weights.metadata.get("shard"), "1");
    });
  }));

Deno.test("the index decides where a key is read; keys it forgot are still there", () =>
  withFolder((folder) => {
    const map = writeShards(folder, [["a", "twice"], ["twice", "forgotten"]]);
    writeIndex(folder, { a: map.a, twice: "model-00002-of-00002.safetensors" });
    leakFree(() => {
      using weights = openWeights(folder);
      assert.deepEqual(weights.load("twice").toNumbers(), [2, 2]);
      assert.deepEqual([...weights.keys()].sort(), ["a", "forgotten", "twice"]);
    });
  }));

Deno.test("an index that does not fit its shards is refused", () =>
  withFolder((folder) => {
    const map = writeShards(folder, [["a", "b"], ["c"]]);
    writeIndex(folder, { ...map, d: map.c });
    refuses(folder, /"d" should be in "model-00002-of-00002\.safetensors" but is not/);
    writeIndex(folder, map);
    renameSync(join(folder, "model-00001-of-00002.safetensors"), join(folder, "other"));
    refuses(folder, /shard "model-00001-of-00002\.safetensors" with 2 tensors is missing/);
    writeFileSync(join(folder, "model-00001-of-00002.safetensors"), "cut");
    refuses(folder, /model-00001-of-00002\.safetensors": it has 3 bytes/);
  }));

Deno.test("an index that points out of its folder is refused", () =>
  withFolder((folder) => {
    for (
      const name of ["../a.safetensors", "/etc/passwd", "sub/a.safetensors", "..", ".", "", "a\\b", "a\0b", 3, null]
    ) {
      writeIndex(folder, { a: name });
      refuses(folder, /outside the index's folder|must be a file name/);
    }
  }));

Deno.test("an index that is no index is refused", () =>
  withFolder((folder) => {
    const index = join(folder, "model.safetensors.index.json");
    for (
      const [text, message] of [
        ["", /not valid JSON/],
        ["[]", /no object "weight_map"/],
        ["{}", /no object "weight_map"/],
        ['{"weight_map": []}', /no object "weight_map"/],
        ['{"weight_map": {}}', /is empty/],
        ['{"weight_map": {"a": "x", "a": "y"}}', /"a" appears twice/],
        ["[".repeat(100_000), /nests deeper/],
      ] as const
    ) {
      writeFileSync(index, text);
      refuses(folder, message);
    }
  }));

Deno.test("openWeights() asks rather than guesses", () =>
  withFolder((folder) => {
    refuses(join(folder, "absent"), /there is no such file or folder/);
    refuses(folder, /it holds no \.safetensors file/);
    const map = writeShards(folder, [["a"]]);
    refuses(folder, /it holds model-00001-of-00001\.safetensors, not diffusion_pytorch_model\.safetensors or/);
    writeIndex(folder, map);
    openWeights(folder)[Symbol.dispose]();
    saveSafetensors(join(folder, "model.safetensors"), {});
    refuses(folder, /Cannot choose .*model\.safetensors and model\.safetensors\.index\.json/);
    using chosen = openWeights(folder, { stem: "model-00001-of-00001" });
    assert.deepEqual(chosen.keys(), ["a"]);
    assert.throws(() => chosen.shapeOf("b"), /Cannot load "b"/);
  }));
