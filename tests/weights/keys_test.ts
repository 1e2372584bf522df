import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import {
  diffusersToKohya,
  diffusersToOriginal,
  kohyaToDiffusers,
  originalToDiffusers,
  stripPrefix,
} from "../../src/weights/keys.ts";
import { ownGoldenDir } from "../support/paths.ts";

const cases = readdirSync(`${ownGoldenDir()}/cases`).filter((name) => /^original_(ti2v|t2v|i2v)/.test(name));

/** diffusers name → original name of every parameter, from every `key_map*.json` of a case. */
function keyMaps(id: string): [string, string][] {
  const folder = `${ownGoldenDir()}/cases/${id}`;
  const files = readdirSync(folder).filter((name) => /^key_map.*\.json$/.test(name));
  return files.flatMap((file) => Object.entries<string>(JSON.parse(readFileSync(`${folder}/${file}`, "utf8"))));
}

for (const id of cases) {
  Deno.test(`the key table agrees with the golden key map of ${id}, both ways`, () => {
    const pairs = keyMaps(id);
    assert.ok(pairs.length > 60);
    for (const [diffusers, original] of pairs) {
      assert.equal(diffusersToOriginal(diffusers), original);
      assert.equal(originalToDiffusers(original), diffusers);
    }
  });
}

Deno.test("originalToDiffusers() renames modules and whatever lies below them", () => {
  assert.equal(originalToDiffusers("blocks.12.cross_attn.o"), "blocks.12.attn2.to_out.0");
  assert.equal(originalToDiffusers("blocks.12.ffn.0.lora_A.weight"), "blocks.12.ffn.net.0.proj.lora_A.weight");
  assert.equal(originalToDiffusers("blocks.3.cross_attn.norm_k_img.weight"), "blocks.3.attn2.norm_added_k.weight");
  assert.equal(originalToDiffusers("head.modulation"), "scale_shift_table");
});

Deno.test("a name that no WAN transformer has stays without a translation", () => {
  for (
    const key of ["", "blocks", "blocks.0", "blocks.x.self_attn.q", "blocks.0.self_attn", "vace_blocks.0.norm3.bias"]
  ) {
    assert.equal(originalToDiffusers(key), undefined, key);
    assert.equal(diffusersToOriginal(key), undefined, key);
  }
  assert.equal(originalToDiffusers("blocks.0.self_attn.to_q.weight"), undefined);
  assert.equal(originalToDiffusers("blocks.{n}.self_attn.q"), undefined);
});

Deno.test("kohyaToDiffusers() undoes diffusersToKohya()", () => {
  for (const id of cases) {
    for (const [key] of keyMaps(id)) {
      const module = key.replace(/\.(weight|bias)$/, "");
      const kohya = diffusersToKohya(module);
      assert.ok(kohya !== undefined && !kohya.includes("."));
      assert.equal(kohyaToDiffusers(kohya), module);
    }
  }
  assert.equal(kohyaToDiffusers("blocks_7_self_attn_q"), "blocks.7.attn1.to_q");
  assert.equal(kohyaToDiffusers("blocks_7_self_attn_x"), undefined);
});

Deno.test("stripPrefix() takes off the prefixes of single files and of ComfyUI", () => {
  assert.deepEqual(stripPrefix("model.diffusion_model.head.head.bias"), {
    prefix: "model.diffusion_model.",
    key: "head.head.bias",
  });
  assert.deepEqual(stripPrefix("diffusion_model.blocks.0.norm3.bias").key, "blocks.0.norm3.bias");
  assert.deepEqual(stripPrefix("head.head.bias"), { prefix: "", key: "head.head.bias" });
});
