import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ConfigError, WeightsError } from "../../src/base/mod.ts";
import { fromBytes, full, noGrad, type Tensor, zeros } from "../../src/torch/mod.ts";
import {
  type ModelComponent,
  type ModelFiles,
  type ModelSource,
  openModel,
  openTransformers,
  saveSingleFile,
  spieceBytes,
  takeInventory,
} from "../../src/wan/mod.ts";
import { inferTransformerConfig, inferUmt5Config, inferVaeConfig } from "../../src/wan/infer_config.ts";
import { loadTransformer, parseTransformerConfig } from "../../src/wan/transformer/mod.ts";
import { parseUmt5Config } from "../../src/wan/umt5_config.ts";
import { parseVaeConfig } from "../../src/wan/vae/mod.ts";
import { expertEntry, openWeights, saveSafetensors, type Weights } from "../../src/weights/mod.ts";
import { ownGoldenDir } from "../support/paths.ts";
import { withFolder } from "../support/tmp.ts";
import { leakFree, useTorch } from "../support/torch.ts";

await useTorch();

const CASES = join(ownGoldenDir(), "cases"), CHECKPOINTS = join(ownGoldenDir(), "checkpoints");
const TI2V = join(CHECKPOINTS, "ti2v_5b");
const NAMES = ["ti2v_5b", "t2v_a14b", "i2v_a14b"];

/** Links files into a folder: name there → path of the golden data. */
function link(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, target] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    symlinkSync(join(ownGoldenDir(), target), join(folder, name));
  }
}

const TEXT = {
  "models_t5_umt5-xxl-enc-bf16.safetensors": "cases/original_umt5/umt5_original.safetensors",
  "google/umt5-xxl": "checkpoints/ti2v_5b/tokenizer",
};
const OFFICIAL_5B = {
  ...TEXT,
  "config.json": "cases/original_ti2v_5b/config_original.json",
  "diffusion_pytorch_model.safetensors": "cases/original_ti2v_5b/model_original.safetensors",
  "Wan2.2_VAE.safetensors": "cases/original_vae22/vae.safetensors",
};
const OFFICIAL_T2V = {
  ...TEXT,
  "high_noise_model/config.json": "cases/original_t2v_a14b/config_original.json",
  "high_noise_model/diffusion_pytorch_model.safetensors": "cases/original_t2v_a14b/high_noise_original.safetensors",
  "low_noise_model/config.json": "cases/original_t2v_a14b/config_original.json",
  "low_noise_model/diffusion_pytorch_model.safetensors": "cases/original_t2v_a14b/low_noise_original.safetensors",
  "Wan2.1_VAE.pth": "cases/original_vae21/Wan2.1_VAE.pth",
};

function sameParams(ours: ReadonlyMap<string, Tensor>, wanted: ReadonlyMap<string, Tensor>): void {
  assert.deepEqual([...ours.keys()].sort(), [...wanted.keys()].sort());
  for (const [name, tensor] of ours) assert.ok(tensor.equal(wanted.get(name) as Tensor), name);
}

Deno.test("configs read off shapes are those of the checkpoints", () => {
  const json = (path: string): unknown => JSON.parse(readFileSync(path, "utf8"));
  for (const name of NAMES) {
    const part = <T>(folder: string, use: (weights: Weights, config: string) => T): T => {
      using weights = openWeights(join(CHECKPOINTS, name, folder));
      return use(weights, join(CHECKPOINTS, name, folder, "config.json"));
    };
    part("transformer", (weights, path) => {
      const wanted = parseTransformerConfig(json(path), path);
      assert.deepEqual(inferTransformerConfig(weights, { name, numHeads: wanted.numHeads }), wanted);
    });
    part(
      "vae",
      (weights, path) => assert.deepEqual(inferVaeConfig(weights, { name }), parseVaeConfig(json(path), path)),
    );
    part(
      "text_encoder",
      (weights, path) => assert.deepEqual(inferUmt5Config(weights, { name }), parseUmt5Config(json(path), path)),
    );
  }
});

Deno.test("a folder of the official 5B release opens like the diffusers folder and holds the same tensors", () =>
  withFolder((folder) => {
    link(folder, OFFICIAL_5B);
    leakFree(() => {
      const ours = openModel(folder), wanted = openModel(join(CHECKPOINTS, "ti2v_5b"));
      const facts = (model: ModelSource): unknown => [
        ...[model.variant.name, model.transformerConfig, model.latentChannels, model.spatialStride],
        ...[model.temporalStride, model.spatialDivisor, model.boundary, model.isPublishedSize],
      ];
      assert.deepEqual(facts(ours), facts(wanted));
      sameParams(ours.loadTransformer().params, wanted.loadTransformer().params);
      using text = ours.loadTextEncoder({ dtype: "float32" }),
        wantedText = wanted.loadTextEncoder({ dtype: "float32" });
      sameParams(text.params, wantedText.params);
      assert.deepEqual(ours.loadTokenizer().encode("a dog"), wanted.loadTokenizer().encode("a dog"));
      using vae = ours.loadVae(), wantedVae = wanted.loadVae();
      const latents = zeros([1, 48, 1, 2, 2]);
      assert.ok(noGrad(() => vae.decode(latents)).equal(noGrad(() => wantedVae.decode(latents))));
    });
  }));

Deno.test("a folder of the official A14B release opens with both experts, VAE from a torch file", () =>
  withFolder((folder) => {
    link(folder, OFFICIAL_T2V);
    leakFree(() => {
      const ours = openModel(folder), wanted = openModel(join(CHECKPOINTS, "t2v_a14b"));
      assert.equal(ours.variant.name, "wan2.2-t2v-a14b");
      assert.equal(ours.boundary, 0.875);
      for (const expert of ["high", "low"] as const) {
        sameParams(ours.loadTransformer({ expert }).params, wanted.loadTransformer({ expert }).params);
      }
      assert.throws(() => ours.loadTransformer(), /has no transformer called "only"/);
      using both = openTransformers(ours);
      assert.equal(both.boundary, 0.875);
    });
  }));

Deno.test("one expert's file beside a folder of two takes the place of the folder's; its boundary and the other stay", () => {
  const folder = join(CHECKPOINTS, "t2v_a14b");
  const [first, second] = [join(folder, "transformer"), join(folder, "transformer_2")];
  const base = openModel(folder),
    low = openModel({ folder, lowNoise: first }),
    high = openModel({ folder, highNoise: second });
  assert.deepEqual([low.placeOf("transformer"), low.placeOf("transformer_2")], [first, first]);
  assert.deepEqual([high.placeOf("transformer"), high.placeOf("transformer_2")], [second, second]);
  for (const model of [low, high]) {
    assert.deepEqual([model.variant, model.boundary, model.shift], [base.variant, base.boundary, base.shift]);
    assert.deepEqual(model.configJson("index"), base.configJson("index"));
  }
  assert.throws(
    () => openModel({ folder: join(CHECKPOINTS, "ti2v_5b"), highNoise: second }),
    /needs one transformer, or one of each expert/,
  );
});

Deno.test("two experts' files that each say they are the other are refused; one that does is a doubt", () =>
  withFolder((folder) => {
    leakFree(() => {
      const T2V = join(CHECKPOINTS, "t2v_a14b"), base = openModel(T2V);
      assert.deepEqual(base.doubts, []);
      const byName = join(folder, "my_low_noise_model"), byHeader = join(folder, "b.safetensors");
      symlinkSync(join(T2V, "transformer"), byName);
      using weights = base.openWeights("transformer_2");
      const metadata = expertEntry(new Map(), "high");
      saveSingleFile(weights, byHeader, {
        component: "transformer_2",
        config: base.configJson("transformer_2"),
        metadata,
      });
      assert.throws(() => openModel({ folder: T2V, highNoise: byName, lowNoise: byHeader }), {
        name: "ConfigError",
        message:
          /my_low_noise_model is used for the high-noise expert, and its name says .*; .*its header says that it is the/,
      });
      assert.deepEqual(openModel({ folder: T2V, highNoise: byHeader, lowNoise: byName }).doubts, []);
      assert.deepEqual(openModel({ folder: T2V, highNoise: byName }).doubts, [
        `${byName} is used for the high-noise expert, and its name says that it is the low-noise one`,
      ]);
      assert.match(
        openModel({ folder: T2V, lowNoise: byHeader }).doubts.join(),
        /its header says .* the high-noise one$/,
      );
    });
  }));

Deno.test("separate files make a model; what is missing or does not fit is said", () => {
  const files: ModelFiles = {
    transformer: join(CHECKPOINTS, "ti2v_5b/transformer"),
    vae: join(CASES, "original_vae22/vae.safetensors"),
    textEncoder: join(CASES, "original_umt5/umt5_embed_tokens.safetensors"),
    tokenizer: join(CHECKPOINTS, "ti2v_5b/tokenizer"),
  };
  assert.equal(openModel(files).variant.name, "wan2.2-ti2v-5b");
  const refuses = (
    changes: Partial<ModelFiles>,
    message: RegExp,
    kind: typeof WeightsError | typeof ConfigError = WeightsError,
  ): void =>
    assert.throws(() => openModel({ ...files, ...changes }), (error: unknown) => {
      assert.ok(error instanceof kind, String(error));
      assert.match(error.message, message);
      return true;
    });
  refuses({ transformer: undefined }, /needs one transformer, or one of each expert/, ConfigError);
  refuses({ transformer: undefined, highNoise: files.transformer }, /one of each expert/, ConfigError);
  refuses({ vae: join(CASES, "original_vae21/Wan2.1_VAE.pth") }, /has 48 channels, the VAE 16/);
  refuses({ vae: files.textEncoder }, /as a WAN VAE: it is a UMT5 text encoder/);
  refuses({ transformer: files.vae }, /as a WAN transformer: it is a WAN VAE/);
  refuses({ transformer: join(CASES, "original_ti2v_5b/model_comfy.safetensors") }, /width 48 does not tell its heads/);
  assert.throws(() => openModel(files, { variant: "wan2.2-t2v-a14b" }), /its configs are those of wan2\.2-ti2v-5b/);
});

Deno.test("a text encoder's file that carries its tokenizer needs no other", () =>
  withFolder((folder) => {
    leakFree(() => {
      const files = {
        transformer: join(CHECKPOINTS, "ti2v_5b/transformer"),
        vae: join(CASES, "original_vae22/vae.safetensors"),
        textEncoder: join(folder, "umt5_xxl.safetensors"),
      };
      using weights = openWeights(join(CASES, "original_umt5/umt5_original.safetensors"));
      const tensors = new Map(weights.keys().map((key) => [key, weights.load(key)]));
      saveSafetensors(files.textEncoder, tensors);
      assert.throws(() => openModel(files), /no tokenizer was named/);
      const spiece = new Uint8Array(readFileSync(join(CHECKPOINTS, "ti2v_5b/tokenizer/spiece.model")));
      const bytes = fromBytes(spiece, { shape: [spiece.length], dtype: "uint8" });
      saveSafetensors(files.textEncoder, new Map([...tensors, ["spiece_model", bytes]]));
      const model = openModel(files);
      assert.deepEqual(model.loadTokenizer().encode("a cat"), openModel(TI2V).loadTokenizer().encode("a cat"));
      model.loadTextEncoder()[Symbol.dispose]();
    });
  }));

/** Writes a model's parts side by side, as `convert model --to original` does. */
function writeSingle(folder: string, model: ModelSource, names: Partial<Record<ModelComponent, string>>): void {
  for (const component of model.components) {
    using weights = model.openWeights(component);
    saveSingleFile(weights, join(folder, `${names[component]}.safetensors`), {
      component,
      config: model.configJson(component),
      tokenizer: component === "text_encoder" ? spieceBytes(model.placeOf("tokenizer")) : undefined,
    });
  }
}

Deno.test("a folder of single files opens, its parts told by their names; one that is not whole says what is wanted", () =>
  withFolder((folder) => {
    leakFree(() => {
      const rest = { vae: "wan2.1_vae", text_encoder: "umt5_xxl" };
      const wanted = openModel(join(CHECKPOINTS, "t2v_a14b"));
      writeSingle(folder, wanted, { transformer: "my_high_noise", transformer_2: "my_low_noise", ...rest });
      const ours = openModel(folder);
      assert.deepEqual([ours.variant.name, ours.path, ours.boundary], ["wan2.2-t2v-a14b", folder, 0.875]);
      for (const expert of ["high", "low"] as const) {
        sameParams(ours.loadTransformer({ expert }).params, wanted.loadTransformer({ expert }).params);
      }
      assert.deepEqual(ours.loadTokenizer().encode("a dog"), wanted.loadTokenizer().encode("a dog"));
      assert.ok(takeInventory(folder).parts.every(({ state }) => state === "present"));
      const refuses = (): void =>
        assert.throws(() => openModel(folder), (error: unknown) => {
          assert.ok(error instanceof WeightsError);
          assert.match(
            error.message,
            /there is no model_index\.json, nor one transformer or one of each expert .*umt5_xxl/,
          );
          assert.match(error.cure ?? "", /--transformer, or --high-noise and --low-noise, and --vae/);
          return true;
        });
      rmSync(join(folder, "my_low_noise.safetensors")); // an expert alone is no model, though WAN 2.1 has its shapes
      refuses();
      rmSync(join(folder, "my_high_noise.safetensors"));
      const small = openModel(TI2V);
      writeSingle(folder, small, { transformer: "any_name", vae: "wan2.2_vae", text_encoder: "umt5_xxl" });
      refuses(); // two VAEs
      rmSync(join(folder, "wan2.1_vae.safetensors"));
      sameParams(openModel(folder).loadTransformer().params, small.loadTransformer().params);
    });
  }));

Deno.test("what is no model's folder says what it is: nothing, a file, a part of a model", () => {
  const refuses = (path: string, message: RegExp, cure: RegExp): void =>
    assert.throws(() => openModel(path), (error: unknown) => {
      assert.ok(error instanceof WeightsError, String(error));
      assert.match(error.message, message);
      assert.match(error.cure ?? "", cure);
      return true;
    });
  refuses("nowhere", /^Cannot open the model nowhere: there is no such folder$/, /check the path/);
  refuses(join(TI2V, "model_index.json"), /it is a file/, /name the model's folder/);
  const whole = new RegExp(`^name ${TI2V}, or`);
  refuses(join(TI2V, "transformer"), /it is one part of a model, WanTransformer3DModel/, whole);
  refuses(join(TI2V, "vae"), /it is one part of a model, AutoencoderKLWan/, whole);
  refuses(join(TI2V, "text_encoder"), /it is one part of a model, UMT5EncoderModel/, whole);
  assert.throws(() => takeInventory(join(TI2V, "model_index.json")), /it is a file/);
});

Deno.test("an official folder that lacks a part says which", () =>
  withFolder((folder) => {
    link(folder, OFFICIAL_T2V);
    const refuses = (name: string, message: RegExp): void => {
      rmSync(join(folder, name), { recursive: true });
      assert.throws(() => openModel(folder), message);
    };
    refuses("Wan2.1_VAE.pth", /has no VAE \(Wan2\.1_VAE\.pth/);
    refuses("models_t5_umt5-xxl-enc-bf16.safetensors", /has no VAE|has no text encoder/);
    refuses("google/umt5-xxl", /has no google\/umt5-xxl/);
    refuses("low_noise_model", /has no low_noise_model/);
    assert.throws(() => openModel(join(folder, "google")), /there is no model_index\.json/);
  }));

Deno.test("a transformer's folder may hold fp8 weights with their scales", () =>
  withFolder((folder) => {
    leakFree(() => {
      const plain = join(TI2V, "transformer"), scaled = join(folder, "transformer");
      mkdirSync(scaled);
      writeFileSync(join(scaled, "config.json"), readFileSync(join(plain, "config.json")));
      using weights = openWeights(plain);
      const isScaled = (key: string): boolean => /to_q\.weight$/.test(key);
      const tensors = weights.keys().flatMap((key): [string, Tensor][] => {
        if (!isScaled(key)) return [[key, weights.load(key)]];
        const codes = weights.load(key, { dtype: "float32" }).mul(4).to({ dtype: "float8_e4m3fn" });
        return [[key, codes], [key.replace(/weight$/, "scale_weight"), full([], 0.25)]];
      });
      saveSafetensors(join(scaled, "diffusion_pytorch_model.safetensors"), new Map(tensors));
      const { params } = loadTransformer(scaled, { dtype: "float32" });
      const [key = ""] = weights.keys().filter(isScaled);
      const wanted = weights.load(key, { dtype: "float32" }), found = params.get(key) as Tensor;
      assert.ok(found.sub(wanted).norm().item() < 0.05 * wanted.norm().item()); // three bits of a fraction
    });
  }));

Deno.test("a mapped transformer gives the same output without loading its weights", () => {
  leakFree(() => {
    const folder = join(CHECKPOINTS, "ti2v_5b/transformer");
    const run = (mapped: boolean): Tensor => {
      const { model } = loadTransformer(folder, { dtype: "float32", mapped });
      using _model = model;
      return noGrad(() =>
        model.forward({
          hiddenStates: zeros([1, 48, 1, 4, 4]),
          timestep: zeros([1]),
          encoderHiddenStates: zeros([1, 3, 32]),
        })
      );
    };
    const [mapped, read] = [run(true), run(false)];
    // memory of another alignment may be summed in another order
    assert.ok(mapped.sub(read).norm().item() <= 1e-6 * read.norm().item());
  });
});

Deno.test("opening a mapped model takes memory only for what is used", async () => {
  if (Deno.build.os !== "linux") return;
  await withFolder((folder) => {
    const config = JSON.parse(readFileSync(join(CHECKPOINTS, "ti2v_5b/transformer/config.json"), "utf8"));
    writeFileSync(join(folder, "config.json"), JSON.stringify({ ...config, num_layers: 40, ffn_dim: 20_000 }));
    leakFree(() => {
      const tensors = new Map<string, Tensor>();
      using small = openWeights(join(CHECKPOINTS, "ti2v_5b/transformer"));
      for (const key of small.keys()) {
        const block = key.replace("blocks.0.", "");
        if (block === key) {
          if (!key.startsWith("blocks.")) tensors.set(key, small.load(key));
          continue;
        }
        const wide = small.shapeOf(key).map((size) => size === 80 ? 20_000 : size);
        const shared = zeros(wide);
        for (let i = 0; i < 40; i++) tensors.set(`blocks.${i}.${block}`, shared);
      }
      saveSafetensors(join(folder, "diffusion_pytorch_model.safetensors"), tensors);
    });
    leakFree(() => {
      const megabytes = (): number =>
        Number(/VmRSS:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) / 1e3;
      const before = megabytes();
      const { params } = loadTransformer(folder, { dtype: "float32", mapped: true });
      assert.ok(params.size > 1000);
      const grown = megabytes() - before;
      assert.ok(grown < 60, `resident memory grew by ${grown} MB for 310 MB of weights`);
    });
  });
});
