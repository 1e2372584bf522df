import assert from "node:assert/strict";
import { join } from "node:path";
import { ones, tensor, zeros } from "../../src/torch/mod.ts";
import { saveSafetensors } from "../../src/weights/mod.ts";
import { ownGoldenDir } from "../support/paths.ts";
import { useTorch } from "../support/torch.ts";
import { assertRefused, MODEL, withWorkplace } from "../support/workplace.ts";

await useTorch();

Deno.test("inspect: what a model folder's files are, with tensors, types and values", () =>
  withWorkplace(async ({ run }) => {
    const { code, stdout, stderr } = await run(["inspect", join(MODEL, "transformer"), "--json"]);
    assert.equal(code, 0, stderr);
    const found = JSON.parse(stdout);
    assert.equal(found.kind, "transformer");
    assert.match(found.what, /^the transformer of WAN 2\.2 TI2V-5B in another size .* under diffusers' names: /);
    assert.equal(found.numTensors, found.tensors.length);
    assert.deepEqual(found.dtypes, { float16: found.numTensors });
    assert.deepEqual(found.suspicious, {});
    assert.ok(found.tensors.every(({ rms, largest }: Record<string, number>) => (rms ?? 0) <= (largest ?? -1)));
    const plain = await run(["inspect", join(MODEL, "transformer"), "--limit", "2"]);
    assert.match(
      plain.stdout,
      /^ {2}tensors {3}blocks\.\{0\.\.4\}\.attn1\.norm_k\.weight \[192\] float16 \(5 tensors\)$/m,
    );
    assert.match(plain.stdout, /^ {12}and \d+ more$/m);
    assert.match(plain.stdout, /^ {2}values {4}nothing suspicious$/m);
  }));

Deno.test("inspect: LoRAs of every naming, and values that cannot be right", () =>
  withWorkplace(async ({ folder, run }) => {
    const loras = join(ownGoldenDir(), "cases", "lora_ti2v");
    const all = await run(["inspect", loras, "--no-values"]);
    assertRefused(all, 3, /Cannot use .*merged\.safetensors as it is\./); // it lacks what no LoRA was merged into
    const { stdout } = all;
    for (
      const [file, program] of [
        ["comfy_ab_alpha", "ComfyUI"],
        ["musubi", "musubi-tuner and kohya"],
        ["pytorch_lora_weights", "diffusers"],
      ]
    ) {
      assert.match(
        stdout,
        new RegExp(`${file}\\.safetensors\n {2}what {6}an adapter named as by ${program}: 30 LoRA modules`),
      );
    }
    assert.doesNotMatch(stdout, /nothing suspicious/);

    using good = ones([3, 4]), empty = zeros([2]), bad = tensor([1, NaN, Infinity]), huge = tensor([1e6, 1]);
    saveSafetensors(join(folder, "odd.safetensors"), { good, empty, bad, huge }, {
      metadata: { title: "odd\u001b[31m" },
    });
    const odd = await run(["inspect", "odd.safetensors"]);
    assertRefused(odd, 3, /Cannot use odd\.safetensors as it is\. What is wrong is said above\./);
    assert.match(odd.stdout, /^ {2}what {6}no file that wantune knows/m);
    assert.match(odd.stdout, /^ {2}metadata {2}title: odd\\u001b\[31m$/m);
    assert.match(odd.stdout, /^ {2}not finite\s*bad$/m);
    assert.match(odd.stdout, /^ {2}all zero {2}empty$/m);
    assert.match(odd.stdout, /^ {2}huge {6}huge$/m);
    const json = JSON.parse((await run(["inspect", "odd.safetensors", "--json"])).stdout);
    assert.equal(json.tensors.find(({ name }: { name: string }) => name === "bad").numNotFinite, 2);
    assertRefused(await run(["inspect", "absent"]), 3, /there is no such file or folder\. Check the path/);
    assertRefused(await run(["inspect", join(folder, "cache"), "--limit", "x"]), 2, /--limit.*whole number/);
  }));
