// deno-lint-ignore-file no-console
/**
 * One training step at real size, in a process of its own: `train_step.ts FOLDER resident|mapped SIDE` for a transformer in
 * diffusers layout. LoRA of rank 32 on attention and feed-forward, latents of 3 x SIDE x SIDE, a whole prompt, bfloat16, AdamW;
 * prints JSON.
 */
import { createHash } from "node:crypto";
import { AdamW } from "../../src/optim/mod.ts";
import { forwardBackward, GradientStore } from "../../src/parallel/mod.ts";
import { Generator, mseLoss, randn, type Tensor, tensor, tidy } from "../../src/torch/mod.ts";
import { loadTransformer, type Stem, TEXT_LENGTH, trainableParts, type TransformerInputs } from "../../src/wan/mod.ts";
import { freshLoras } from "../support/adapters.ts";
import { useTorch } from "../support/torch.ts";

const [folder = "", place, side] = Deno.args;
const latentSize = [3, Number(side), Number(side)];

await useTorch();
const startedAt = performance.now();
const seconds = (): number => (performance.now() - startedAt) / 1000;
const { model } = loadTransformer(folder, { dtype: "bfloat16", blocks: place === "mapped" ? "mapped" : "resident" });
const targets = ["to_q", "to_k", "to_v", "to_out.0", "ffn.net.0.proj", "ffn.net.2"];
const lora = freshLoras(model.linears, { rank: 32, targets, up: 0.001 });
const params = [...lora.params.values()];
for (const param of params) param.setRequiresGrad(true);
const optimizer = new AdamW(params, { betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0.01 });
const gradients = new GradientStore(params);
const loadedAt = seconds();
using generator = Generator.seeded(1);
const noise = (shape: readonly number[]): Tensor => randn(shape, { generator });
const { inChannels, outChannels, textDim } = model.config;
const target = noise([1, outChannels, ...latentSize]);
tidy(() => {
  forwardBackward<TransformerInputs, Stem>(model, {
    inputs: {
      hiddenStates: noise([1, inChannels, ...latentSize]).to({ dtype: "bfloat16" }),
      timestep: tensor([700]),
      encoderHiddenStates: noise([1, TEXT_LENGTH, textDim]).to({ dtype: "bfloat16" }),
    },
    loss: (output) => mseLoss(output.float(), target),
    trainable: trainableParts(model, lora.params),
    plan: model.blocks.map(() => "recompute"),
    sink: (param, gradient) => gradients.add(param, gradient),
  });
});
const hash = createHash("sha256");
for (const gradient of gradients.all()) gradient.withBytes((bytes) => hash.update(bytes));
optimizer.step(gradients.all(), 1e-4);
console.log(JSON.stringify({ hash: hash.digest("hex"), loadedAt, seconds: seconds() }));
