import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { WeightsError } from "../../src/base/mod.ts";
import { full, ones, type Tensor, zeros } from "../../src/torch/mod.ts";
import {
  AdapterFile,
  type AdapterMap,
  type AdapterTensors,
  describeLora,
  openWeights,
  readAdapters,
  SafetensorsFile,
  saveAdapters,
  saveSafetensors,
} from "../../src/weights/mod.ts";
import { ownGoldenDir } from "../support/paths.ts";
import { withFolder } from "../support/tmp.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

const CASES = ["lora_ti2v", "lora_t2v_high", "lora_t2v_low", "lora_i2v_high"];
const FORMS = [
  "diffusers/pytorch_lora_weights",
  "diffusers_folded",
  "comfy_ab_alpha",
  "comfy_downup_alpha",
  "comfy_ab_folded",
  "musubi",
];

function fileOf(id: string, form: string): string {
  return join(ownGoldenDir(), "cases", id, `${form}.safetensors`);
}

/** What a module adds to its weight, [out, in]. */
function delta(lora: Read, module: string): Tensor {
  const { down, up, alpha } = factorsOf(lora, module);
  return up.matmul(down).mul(alpha / down.size(0));
}

/** What a file holds. */
type Read = ReturnType<typeof readAdapters>;

/** The factors of a module's LoRA. */
function factorsOf({ modules }: Read, module: string): { down: Tensor; up: Tensor; alpha: number } {
  const { tensors: { down, up }, alpha } = modules.get(module) ?? assert.fail(`no ${module}`);
  assert.ok(down !== undefined && up !== undefined && alpha !== undefined, `${module} is no LoRA`);
  return { down, up, alpha };
}

for (const id of CASES.filter((id) => existsSync(join(ownGoldenDir(), "cases", id)))) {
  const { lora } = JSON.parse(readFileSync(join(ownGoldenDir(), "cases", id, "case.json"), "utf8"));
  for (const form of FORMS) {
    Deno.test(`${id}: the ${form} form says the same as diffusers' own`, () => {
      leakFree(() => {
        using reference = readAdapters(fileOf(id, FORMS[0] ?? ""));
        using other = readAdapters(fileOf(id, form));
        assert.ok(other.modules.size > 0);
        assert.deepEqual([...other.modules.keys()].sort(), [...reference.modules.keys()].sort());
        for (const module of other.modules.keys()) {
          const [{ down, up, alpha }, wanted] = [factorsOf(other, module), factorsOf(reference, module)];
          assert.ok(down.equal(wanted.down), `${module} down`);
          if (form.endsWith("folded")) {
            assert.equal(alpha, lora.r);
            assert.ok(up.equal(wanted.up.mul(lora.alpha / lora.r)), `${module} up`);
          } else {
            assert.equal(alpha, lora.alpha);
            assert.ok(up.equal(wanted.up), `${module} up`);
          }
        }
      });
    });
  }

  Deno.test(`${id}: base weight and delta give the golden merged weight`, () => {
    const { checkpoint, component } = JSON.parse(readFileSync(join(ownGoldenDir(), "cases", id, "case.json"), "utf8"));
    leakFree(() => {
      using merged = SafetensorsFile.open(fileOf(id, "merged"));
      using base = openWeights(join(ownGoldenDir(), checkpoint, component));
      using adapters = readAdapters(fileOf(id, "musubi"));
      assert.equal(adapters.modules.size, merged.entries.size);
      for (const module of adapters.modules.keys()) {
        const key = `${module}.weight`;
        const weight = base.load(key, { dtype: "float32" });
        const difference = weight.add(delta(adapters, module)).sub(merged.mapped(key)).abs().amax().item();
        assert.ok(difference < 1e-6, `${key}: ${difference}`);
      }
    });
  });
}

/** As ComfyUI and everyone else scales it alike. */
const FOLDED = { naming: "comfy", foldAlpha: true } as const;

Deno.test("saveAdapters() in the naming of diffusers writes the names, tensors and numbers of WanPipeline.save_lora_weights", () =>
  withFolder((folder) => {
    const path = join(folder, "out.safetensors");
    leakFree(() => {
      using source = readAdapters(fileOf("lora_ti2v", "musubi"));
      saveAdapters(path, { transformer: source.modules }, {
        naming: "diffusers",
        metadata: { "modelspec.title": "x" },
      });
      using written = SafetensorsFile.open(path);
      using golden = SafetensorsFile.open(fileOf("lora_ti2v", FORMS[0] ?? ""));
      assert.deepEqual([...written.entries.keys()], [...golden.entries.keys()]);
      for (const key of golden.entries.keys()) assert.ok(written.mapped(key).equal(golden.mapped(key)), key);
      const ours = JSON.parse(written.metadata.get("lora_adapter_metadata") ?? "");
      const theirs = JSON.parse(golden.metadata.get("lora_adapter_metadata") ?? "");
      for (const key of Object.keys(ours)) assert.ok(key in theirs, `diffusers does not write ${key}`);
      for (const key of ["r", "lora_alpha", "bias", "rank_pattern", "alpha_pattern", "use_dora", "use_rslora"]) {
        assert.deepEqual(ours[`transformer.${key}`], theirs[`transformer.${key}`], key);
      }
      assert.equal(written.metadata.get("format"), "pt");
      assert.equal(written.metadata.get("modelspec.title"), "x");
      using again = readAdapters(path);
      assert.equal(again.component, "transformer");
      assert.equal(again.modules.get("blocks.0.ffn.net.2")?.alpha, 8);
    });
  }));

Deno.test("saveAdapters() keeps modules of other ranks and alphas apart", () =>
  withFolder((folder) => {
    const path = join(folder, "out.safetensors");
    leakFree(() => {
      const module = (rank: number, alpha: number): AdapterTensors => ({
        kind: "lora",
        tensors: { down: ones([rank, 6]), up: ones([5, rank]) },
        alpha,
      });
      const modules = new Map([
        ["blocks.0.attn1.to_q", module(4, 8)],
        ["blocks.1.attn1.to_q", module(2, 8)],
        ["blocks.10.attn1.to_q", module(4, 8)],
        ["blocks.10.ffn.net.2", module(4, 1)],
      ]);
      saveAdapters(path, { transformer_2: modules }, { naming: "diffusers" });
      using again = readAdapters(path);
      assert.equal(again.component, "transformer");
      for (const [name, { tensors: { down }, alpha }] of modules) {
        assert.equal(again.modules.get(name)?.alpha, alpha, name);
        assert.deepEqual(again.modules.get(name)?.tensors.down?.shape, down?.shape);
      }
    });
  }));

Deno.test("saveAdapters() can fold the scale into lora_B", () =>
  withFolder((folder) => {
    const path = join(folder, "out.safetensors");
    leakFree(() => {
      using source = readAdapters(fileOf("lora_ti2v", FORMS[0] ?? ""));
      const facts = {
        title: "cat",
        architecture: "wan2.2-ti2v-5b",
        rank: 4,
        alpha: 8,
        seed: 7,
        width: 832,
        height: 480,
      };
      saveAdapters(path, { transformer: source.modules }, { ...FOLDED, metadata: describeLora(facts) });
      using written = SafetensorsFile.open(path);
      using golden = SafetensorsFile.open(fileOf("lora_ti2v", "comfy_ab_folded"));
      assert.deepEqual([...written.entries.keys()], [...golden.entries.keys()]);
      for (const key of golden.entries.keys()) assert.ok(written.mapped(key).equal(golden.mapped(key)), key);
      assert.equal(written.metadata.get("ss_network_dim"), "4");
      assert.equal(written.metadata.get("ss_network_alpha"), "4");
      assert.equal(written.metadata.get("modelspec.resolution"), "832x480");
      assert.equal(written.metadata.get("modelspec.architecture"), "wan2.2-ti2v-5b/lora");
      assert.equal(written.metadata.has("ss_steps"), false);
    });
  }));

Deno.test("saveAdapters() scales before it casts", () =>
  withFolder((folder) => {
    const path = join(folder, "out.safetensors");
    leakFree(() => {
      const up = full([4, 3], 1.01);
      const module: AdapterTensors = { kind: "lora", tensors: { down: ones([3, 2]), up }, alpha: 1 };
      const of = (path: string): AdapterMap => new Map([[path, module]]);
      saveAdapters(path, { transformer: of("blocks.0.attn1.to_q") }, { ...FOLDED, dtype: "bfloat16" });
      using lora = readAdapters(path);
      const written = lora.modules.get("blocks.0.attn1.to_q")?.tensors.up ?? assert.fail();
      assert.ok(written.equal(up.mul(1 / 3).to({ dtype: "bfloat16" })));
      assert.throws(() => saveAdapters(path, { transformer: of("blocks.0.attn3.to_q") }, FOLDED), WeightsError);
    });
  }));

/** Saves tensors under the given names and reads them as a LoRA. */
function readAs(folder: string, names: Record<string, Tensor>, metadata?: Record<string, string>): Read {
  const path = join(folder, "l.safetensors");
  saveSafetensors(path, names, { metadata });
  return readAdapters(path);
}

Deno.test("other spellings of the same modules are read", () =>
  withFolder((folder) => {
    const spellings: [string, string][] = [
      ["blocks.0.self_attn.q.lora_A.default.weight", "blocks.0.self_attn.q.lora_B.default.weight"],
      ["blocks.0.attn1.to_q.lora_A.weight", "blocks.0.attn1.to_q.lora_B.weight"],
      [
        "model.diffusion_model.blocks.0.self_attn.q.lora_down.weight",
        "model.diffusion_model.blocks.0.self_attn.q.lora_up.weight",
      ],
      ["diffusion_model.blocks.0.attn1.to_q.lora_down.weight", "diffusion_model.blocks.0.attn1.to_q.lora_up.weight"],
    ];
    leakFree(() => {
      for (const [down, up] of spellings) {
        using lora = readAs(folder, { [down]: ones([2, 3]), [up]: ones([4, 2]) });
        assert.deepEqual([...lora.modules.keys()], ["blocks.0.attn1.to_q"]);
        assert.equal(lora.modules.get("blocks.0.attn1.to_q")?.alpha, 2);
        assert.equal(lora.component, undefined);
      }
    });
  }));

Deno.test("an alpha of zero is the rank for musubi-tuner and zero elsewhere", () =>
  withFolder((folder) => {
    leakFree(() => {
      const alphaOf = (prefix: string): number | undefined => {
        const names = { [`${prefix}.lora_down.weight`]: ones([2, 3]), [`${prefix}.lora_up.weight`]: ones([4, 2]) };
        using lora = readAs(folder, { ...names, [`${prefix}.alpha`]: zeros([]) });
        return lora.modules.get("blocks.0.attn1.to_q")?.alpha;
      };
      assert.equal(alphaOf("lora_unet_blocks_0_self_attn_q"), 2);
      assert.equal(alphaOf("diffusion_model.blocks.0.self_attn.q"), 0);
    });
  }));

Deno.test("two experts in one file must be told apart", () =>
  withFolder((folder) => {
    const path = join(folder, "l.safetensors");
    leakFree(() => {
      const names = ["transformer", "transformer_2"].flatMap((component, i) => [
        [`${component}.blocks.0.attn1.to_q.lora_A.weight`, full([2, 3], i)] as const,
        [`${component}.blocks.0.attn1.to_q.lora_B.weight`, full([4, 2], i)] as const,
      ]);
      saveSafetensors(path, new Map(names));
      assert.throws(() => readAdapters(path), /adapters for transformer and transformer_2/);
      using low = readAdapters(path, { component: "transformer_2" });
      assert.deepEqual(factorsOf(low, "blocks.0.attn1.to_q").down.toNumbers(), Array(6).fill(1));
    });
  }));

Deno.test("rslora's scale is kept", () =>
  withFolder((folder) => {
    leakFree(() => {
      const metadata = {
        lora_adapter_metadata: JSON.stringify({
          "transformer.r": 4,
          "transformer.lora_alpha": 8,
          "transformer.use_rslora": true,
        }),
      };
      const key = "transformer.blocks.0.attn1.to_q";
      using lora = readAs(
        folder,
        { [`${key}.lora_A.weight`]: ones([4, 3]), [`${key}.lora_B.weight`]: ones([4, 4]) },
        metadata,
      );
      assert.equal((lora.modules.get("blocks.0.attn1.to_q")?.alpha ?? 0) / 4, 8 / Math.sqrt(4));
    });
  }));

Deno.test("a file that peft wrote itself has its alpha from adapter_config.json beside it, or it is said that there is none", () =>
  withFolder((folder) => {
    leakFree(() => {
      const path = join(folder, "adapter_model.safetensors"), config = join(folder, "adapter_config.json");
      // under the official names, which the config's patterns then have, too
      const modules = { "blocks.0.self_attn.q": 4, "blocks.1.cross_attn.q": 4, "blocks.1.self_attn.q": 2 };
      saveSafetensors(
        path,
        Object.fromEntries(
          Object.entries(modules).flatMap(([module, rank]) => [
            [`base_model.model.${module}.lora_A.weight`, ones([rank, 3])],
            [`base_model.model.${module}.lora_B.weight`, ones([4, rank])],
          ]),
        ),
      );
      const read = (): [alphas: unknown[], assumption: string | undefined] => {
        using lora = readAdapters(path);
        using file = AdapterFile.open(path);
        return [[...lora.modules.values()].map(({ alpha }) => alpha), file.assumption];
      };
      const [alphas, assumption] = read();
      assert.deepEqual(alphas, [4, 4, 2]);
      assert.match(
        assumption ?? "",
        /no adapter_config\.json with its alpha lies beside it: alpha is taken to be the rank/,
      );
      const written = { r: 4, lora_alpha: 8, rank_pattern: { "^blocks.1.self_attn.q": 2 } };
      const write = (own: Record<string, unknown>): void =>
        writeFileSync(config, JSON.stringify({ ...written, ...own }));
      write({ alpha_pattern: { "cross_attn.q": 1 } });
      assert.deepEqual(read(), [[8, 1, 8], undefined]);
      write({ use_rslora: true });
      assert.deepEqual(read(), [[16, 16, 8 * Math.sqrt(2)], undefined]);
      const refuses = (own: Record<string, unknown>, message: RegExp): void => {
        write(own);
        assert.throws(() => readAdapters(path), { name: "WeightsError", message });
      };
      refuses(
        { r: 8 },
        /the adapter_config\.json beside it says rank 8 for blocks\.0\.self_attn\.q, the tensors have 4/,
      );
      refuses({ alpha_pattern: { "blocks.[01].*": 2 } }, /has the expression "blocks\.\[01\]\.\*" in alpha_pattern/);
      refuses({ lora_alpha: null }, /has null as lora_alpha/);
      writeFileSync(config, "[");
      assert.throws(() => readAdapters(path), /the adapter_config\.json beside it is not JSON/);
    });
  }));

Deno.test("readAdapters() refuses what it would have to ignore, and says what it is", () =>
  withFolder((folder) => {
    const q = "diffusion_model.blocks.0.self_attn.q";
    const [down, up] = [`${q}.lora_down.weight`, `${q}.lora_up.weight`];
    leakFree(() => {
      const refuses = (names: Record<string, Tensor>, message: RegExp, metadata?: Record<string, string>): void =>
        assert.throws(() => readAs(folder, names, metadata), (error: unknown) => {
          assert.ok(error instanceof WeightsError, String(error));
          assert.match(error.message, message);
          assert.doesNotMatch(error.message, /\n/);
          return true;
        });
      const pair = { [down]: ones([2, 3]), [up]: ones([4, 2]) };
      refuses({}, /holds no tensors/);
      refuses(
        { ...pair, "text_model.q.lora_down.weight": ones([2, 3]) },
        /1 of 3 names are no LoRA .*\(unknown\): "text_model/,
      );
      refuses({ [down]: ones([2, 3]) }, /blocks\.0\.attn1\.to_q has down only/);
      refuses({ [`${q}.alpha`]: ones([]) }, /has alpha only/);
      refuses({ [down]: ones([2, 3]), [up]: ones([4, 3]) }, /\[2,3\] and \[4,3\]/);
      refuses({ [down]: ones([2, 3, 1]), [up]: ones([4, 2]) }, /\[2,3,1\]/);
      refuses({ [down]: ones([2, 3], { dtype: "int64" }), [up]: ones([4, 2]) }, /must be floating-point/);
      refuses({ ...pair, [`${q}.alpha`]: ones([2]) }, /has shape \[2\]/);
      refuses({ ...pair, [`${q}.alpha`]: full([], NaN) }, /is NaN/);
      refuses({ ...pair, [`${q}.lora_A.weight`]: ones([2, 3]) }, /both give the down of blocks\.0\.attn1\.to_q/);
      const t = "transformer.blocks.0.attn1.to_q";
      const own = { [`${t}.lora_A.weight`]: ones([2, 3]), [`${t}.lora_B.weight`]: ones([4, 2]) };
      refuses(own, /is not JSON/, { lora_adapter_metadata: "{" });
      refuses(own, /is not an object/, { lora_adapter_metadata: "[]" });
      refuses(own, /says rank 4 .* tensors have 2/, { lora_adapter_metadata: '{"transformer.r":4}' });
      refuses(own, /has "8" as lora_alpha/, {
        lora_adapter_metadata: '{"transformer.r":2,"transformer.lora_alpha":"8"}',
      });
    });
  }));
