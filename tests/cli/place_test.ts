import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkPlace, madeBy, makeInPlace, type PlaceOptions } from "../../src/cli/convert/place.ts";
import { ConfigError } from "../../src/base/mod.ts";
import { withFolder } from "../support/tmp.ts";

/** A safetensors file without tensors. */
function writeHeader(path: string, metadata: Record<string, string>): void {
  const text = new TextEncoder().encode(JSON.stringify({ __metadata__: metadata }));
  const length = new Uint8Array(new BigUint64Array([BigInt(text.length)]).buffer);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, new Uint8Array([...length, ...text]));
}

/** A model in diffusers layout, as convert and merge write it. */
function writeModel(folder: string, metadata: Record<string, string> = madeBy("convert")): void {
  for (const name of ["transformer/diffusion_pytorch_model", "vae/diffusion_pytorch_model", "text_encoder/model"]) {
    writeHeader(join(folder, `${name}.safetensors`), metadata);
    writeFileSync(join(folder, name, "../config.json"), "{}");
  }
  for (const name of ["scheduler/scheduler_config.json", "tokenizer/tokenizer.json", "tokenizer/spiece.model"]) {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    writeFileSync(join(folder, name), "{}");
  }
  writeFileSync(join(folder, "model_index.json"), "{}");
}

const FORCED: PlaceOptions = { kind: "folder", force: true, inputs: [] };

function refused(path: string, options: Partial<PlaceOptions>, message: RegExp): void {
  assert.throws(() => checkPlace(path, { ...FORCED, ...options }), (error: unknown) => {
    assert.ok(error instanceof ConfigError, String(error));
    assert.match(error.message, message);
    return true;
  });
}

Deno.test("--force replaces what an earlier convert or merge wrote", () =>
  withFolder((folder) => {
    const model = join(folder, "model"), single = join(folder, "single");
    writeModel(model);
    writeHeader(join(single, "wan2.2_vae.safetensors"), madeBy("merge"));
    for (const place of [model, single]) {
      refused(place, { force: false }, /: it exists$/);
      checkPlace(place, FORCED);
      makeInPlace(place, FORCED, (to) => writeHeader(join(to, "new.safetensors"), madeBy("convert")));
      assert.deepEqual(readdirSync(place), ["new.safetensors"]);
    }
    const lora = join(folder, "lora.safetensors");
    writeHeader(lora, madeBy("convert"));
    checkPlace(lora, { ...FORCED, kind: "file" });
    assert.deepEqual(readdirSync(folder).sort(), ["lora.safetensors", "model", "single"]);
  }));

Deno.test("--force refuses to replace anything else: notes, other models, trained or fetched files, a lone tokenizer", () =>
  withFolder((folder) => {
    const changes: [name: string, change: (model: string) => void][] = [
      ["thesis", (model) => writeFileSync(join(model, "transformer/thesis.txt"), "years")],
      ["config", (model) => writeFileSync(join(model, "config.json"), "{}")],
      ["lora", (model) => writeHeader(join(model, "my_lora.safetensors"), { ss_network_dim: "4" })],
      ["shard", (model) => writeHeader(join(model, "vae/diffusion_pytorch_model.safetensors"), {})],
      ["torn", (model) => writeFileSync(join(model, "torn.safetensors"), "no header")],
      ["link", (model) => symlinkSync("/etc/hosts", join(model, "link"))],
    ];
    for (const [name, change] of changes) {
      const model = join(folder, name);
      writeModel(model);
      change(model);
      refused(model, {}, /is not of an earlier convert or merge$/);
    }
    writeModel(join(folder, "trained"), { "modelspec.implementation": "wantune", "wantune.config": "{}" });
    refused(join(folder, "trained"), {}, /is not of an earlier/);
    cpSync(join(folder, "thesis/tokenizer"), join(folder, "lone/tokenizer"), { recursive: true });
    refused(join(folder, "lone"), {}, /lone" is not of an earlier/);
    const file = join(folder, "trained.safetensors");
    writeHeader(file, { "wantune.config": "{}" });
    refused(file, { kind: "file" }, /is not of an earlier/);
  }));

Deno.test("nothing that is read is written over: the place itself, what it lies in, what lies in it, through links", () =>
  withFolder((folder) => {
    const model = join(folder, "model"), link = join(folder, "link"), inner = join(model, "vae");
    writeModel(model);
    symlinkSync(model, link);
    for (const input of [model, `${model}/`, link, inner, join(inner, "diffusion_pytorch_model.safetensors"), folder]) {
      refused(model, { inputs: [undefined, input] }, /over .*, which is read for it/);
      refused(link, { inputs: [input] }, /which is read for it/);
    }
    checkPlace(model, { ...FORCED, inputs: [join(folder, "model2"), join(folder, "other")] });
    checkPlace(join(model, "new"), { ...FORCED, inputs: [model] });
  }));

Deno.test("a place is one of its kind; one that was taken while the result was made stays", () =>
  withFolder((folder) => {
    const file = join(folder, "file.safetensors"), taken = join(folder, "taken"), empty = join(folder, "empty");
    writeHeader(file, madeBy("convert"));
    mkdirSync(empty);
    refused(file, {}, /Cannot write the folder ".*": it is a file/);
    refused(empty, { kind: "file" }, /Cannot write the file ".*": it is a folder/);
    checkPlace(empty, { ...FORCED, force: false });
    const made = (): void =>
      makeInPlace(taken, { ...FORCED, force: false }, (to) => {
        mkdirSync(to);
        mkdirSync(taken);
        writeFileSync(join(taken, "mine"), "mine");
      });
    assert.throws(made, /it exists/);
    assert.equal(readFileSync(join(taken, "mine"), "utf8"), "mine");
    assert.ok(!readdirSync(folder).some((name) => name.startsWith(".")));
    assert.throws(() => makeInPlace(file, { ...FORCED, kind: "file" }, () => {}), Deno.errors.NotFound); // made nothing
    assert.ok(existsSync(file));
    assert.deepEqual(readdirSync(folder).sort(), ["empty", "file.safetensors", "taken"]);
  }));
