/** The models on a card against the same on the host, which the golden cases hold to the reference. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { Generator, noGrad, rand, randn, type Tensor, tensor, tidy } from "../../src/torch/mod.ts";
import { fixedNoiseLoss } from "../../src/train/mod.ts";
import { Denoising, loadTransformer, openModel, type VelocityModel } from "../../src/wan/mod.ts";
import { loadVae } from "../../src/wan/vae/mod.ts";
import { I2V, T2V, TI2V } from "../support/session.ts";
import { allFreed, CARD, cardTest } from "../support/gpu.ts";
import { off } from "../support/near.ts";
import { leakFree } from "../support/torch.ts";

/**
 * Single precision, sums in another order. In the VAE cuDNN rounds the factors of convolutions to 10 bits (TF32), as in
 * PyTorch, unless NVIDIA_TF32_OVERRIDE=0 forbids it: then it must be as near as the rest.
 */
const FLOAT32 = 1e-5, CONVOLUTIONS = Deno.env.get("NVIDIA_TF32_OVERRIDE") === "0" ? 2e-5 : 1e-2;

/** A model's output on a device, brought to the host. */
function velocity(model: VelocityModel, { device, textDim }: { device: "cpu" | typeof CARD; textDim: number }): Tensor {
  return noGrad(() =>
    tidy(() => {
      using generator = Generator.seeded(7);
      const { inChannels } = model.config;
      const hiddenStates = randn([2, inChannels, 3, 8, 8], { generator }).to({ device });
      const encoderHiddenStates = randn([2, 512, textDim], { generator }).to({ device });
      return model.forward({ hiddenStates, timestep: tensor([300, 900]), encoderHiddenStates }).to({ device: "cpu" });
    })
  );
}

for (const [name, folder] of Object.entries({ TI2V, T2V, I2V })) {
  cardTest(`${name}: the transformer on a card gives the host's velocity, from whatever place its weights come`, () => {
    leakFree(() =>
      allFreed(() =>
        tidy(() => {
          const run = (device: "cpu" | typeof CARD, blocks?: "mapped", place?: "streamed" | "resident"): Tensor => {
            const built = loadTransformer(join(folder, "transformer"), { dtype: "float32", device, blocks });
            using model = built.model;
            if (place !== undefined) model.blocks.forEach((_, i) => model.blockWeights?.move(i, place));
            const output = velocity(model, { device, textDim: model.config.textDim });
            for (const param of built.params.values()) param[Symbol.dispose]();
            return output;
          };
          const wanted = run("cpu"), found = run(CARD);
          assert(off(found, wanted) < FLOAT32, `${off(found, wanted)}`);
          for (const place of [undefined, "streamed", "resident"] as const) {
            assert(run(CARD, "mapped", place).equal(found), `${place ?? "mapped"}`);
          }
        })
      )
    );
  });

  cardTest(`${name}: the VAE on a card gives the host's latents and pictures, whole and in tiles`, () => {
    leakFree(() =>
      tidy(() => {
        using host = loadVae(join(folder, "vae"));
        using card = loadVae(join(folder, "vae"), { device: CARD });
        using generator = Generator.seeded(8);
        const video = rand([1, 3, 9, 96, 64], { generator }).mul(2).sub(1);
        const tiles = { height: 64, width: 64, strideHeight: 32, strideWidth: 32 };
        for (const tiling of [false, tiles] as const) {
          const latents = host.encode(video, { tiling }).mean;
          const there = card.encode(video.to({ device: CARD }), { tiling }).mean;
          assert(off(there, latents) < CONVOLUTIONS, `encode: ${off(there, latents)}`);
          const pictures = host.decode(latents, { tiling });
          const seen = card.decode(latents.to({ device: CARD }), { tiling });
          assert(off(seen, pictures) < CONVOLUTIONS, `decode: ${off(seen, pictures)}`);
        }
      })
    );
  });
}

cardTest("the text encoder on a card gives the host's embeddings", () => {
  leakFree(() => {
    const models = openModel(TI2V);
    using host = models.loadTextEncoder();
    using card = models.loadTextEncoder({ device: CARD, dtype: "float32" });
    const ids = [[5, 6, 7, 8, 1]];
    assert(off(card.encode(ids), host.encode(ids)) < FLOAT32, `${off(card.encode(ids), host.encode(ids))}`);
  });
});

cardTest("sampling on a card gives the host's latents with every solver", () => {
  leakFree(() =>
    tidy(() => {
      using generator = Generator.seeded(9);
      const start = randn([1, 48, 3, 8, 8], { generator });
      const prompt = randn([1, 512, 32], { generator }), negative = randn([1, 512, 32], { generator });
      const run = (device: "cpu" | typeof CARD, solver: "unipc" | "euler" | "dpm++"): Tensor => {
        const built = loadTransformer(join(TI2V, "transformer"), { dtype: "float32", device });
        using model = built.model;
        const [latents, promptEmbeds, negativePromptEmbeds] = [start, prompt, negative].map((x) =>
          x.to({ device })
        ) as [
          Tensor,
          Tensor,
          Tensor,
        ];
        using walk = new Denoising(model, {
          ...{ latents, promptEmbeds, negativePromptEmbeds, guidanceScale: 5, steps: 6, shift: 5, solver },
        });
        while (walk.stepsDone < walk.numSteps) walk.step();
        const result = walk.result().to({ device: "cpu" });
        for (const param of built.params.values()) param[Symbol.dispose]();
        return result;
      };
      for (const solver of ["unipc", "euler", "dpm++"] as const) {
        const [wanted, found] = [run("cpu", solver), run(CARD, solver)];
        assert(off(found, wanted) < 1e-3, `${solver}: ${off(found, wanted)}`);
      }
    })
  );
});

cardTest("fixedNoiseLoss() on a card is the host's, for clips that are on the host", () => {
  leakFree(() =>
    tidy(() => {
      using generator = Generator.seeded(10);
      const clips = [{ latents: randn([1, 48, 3, 8, 8], { generator }), text: randn([9, 32], { generator }) }];
      const loss = (device: "cpu" | typeof CARD): number => {
        const { model, params } = loadTransformer(join(TI2V, "transformer"), { dtype: "float32", device });
        using _model = model;
        const { mean } = fixedNoiseLoss(model, { device, clips });
        for (const param of params.values()) param[Symbol.dispose]();
        return mean;
      };
      assert(Math.abs(loss(CARD) / loss("cpu") - 1) < FLOAT32);
    })
  );
});
