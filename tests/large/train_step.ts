// deno-lint-ignore-file no-console
/**
 * One training step at real size, in a process of its own: `train_step.ts FOLDER resident|mapped [RANK]` for a transformer in diffusers
 * layout. LoRA on attention and feed-forward, 9 frames of 64x64, bfloat16, AdamW; prints JSON.
 */
import { createHash } from "node:crypto";
import { AdamW } from "../../src/optim/mod.ts";
import { forwardBackward, GradientStore } from "../../src/parallel/mod.ts";
import { Generator, mseLoss, randn, type Tensor, tensor, tidy } from "../../src/torch/mod.ts";
import { loadTransformer, type Stem, trainableParts, type TransformerInputs } from "../../src/wan/mod.ts";
import { freshLoras } from "../support/adapters.ts";
import { useTorch } from "../support/torch.ts";

const [folder = "", place, rank = "32"] = Deno.args;
/** Rows of the prompt: a short one. The host's bfloat16 is slow, and what they take is 3 MB at most. */
const TEXT_ROWS = 16;

await useTorch();
const startedAt = performance.now();
const seconds = (): number => (performance.now() - startedAt) / 1000;
const { model } = loadTransformer(folder, { dtype: "bfloat16", blocks: place === "mapped" ? "mapped" : "resident" });
const targets = ["to_q", "to_k", "to_v", "to_out.0", "ffn.net.0.proj", "ffn.net.2"];
const lora = freshLoras(model.linears, { rank: Number(rank), targets, up: 0.001 });
const params = [...lora.params.values()];
for (const param of params) param.setRequiresGrad(true);
const optimizer = new AdamW(params, { betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0.01 });
const gradients = new GradientStore(params);
const loadedAt = seconds();
using generator = Generator.seeded(1);
const noise = (shape: readonly number[]): Tensor => randn(shape, { generator });
const { inChannels, outChannels, textDim } = model.config;
const target = noise([1, outChannels, 3, 4, 4]);
tidy(() => {
  forwardBackward<TransformerInputs, Stem>(model, {
    inputs: {
      hiddenStates: noise([1, inChannels, 3, 4, 4]).to({ dtype: "bfloat16" }),
      timestep: tensor([700]),
      encoderHiddenStates: noise([1, TEXT_ROWS, textDim]).to({ dtype: "bfloat16" }),
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
