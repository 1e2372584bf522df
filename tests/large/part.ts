// deno-lint-ignore-file no-console
/**
 * One part of the checks at real size, in a process of its own: `part.ts open|mapped|resident FOLDER` for a transformer in
 * diffusers layout; prints JSON.
 */
import { sha256 } from "../../src/base/mod.ts";
import { Generator, randn, type Tensor } from "../../src/torch/mod.ts";
import { Denoising, loadTransformer, type WanTransformer } from "../../src/wan/mod.ts";
import { openWeights } from "../../src/weights/mod.ts";
import { useTorch } from "../support/torch.ts";

const [kind, folder = ""] = Deno.args;

/** Seconds to map every tensor. */
function open(): number {
  const startedAt = performance.now();
  using weights = openWeights(folder);
  const tensors = weights.keys().map((key) => weights.mapped(key));
  const seconds = (performance.now() - startedAt) / 1000;
  for (const tensor of tensors) tensor[Symbol.dispose]();
  return seconds;
}

/** One step with guidance: 9 frames of 64x64 are latents of 3 x 4 x 4. */
function step(transformer: WanTransformer): { seconds: number; hash: string } {
  using generator = Generator.seeded(1);
  const { config } = transformer;
  const noise = (shape: readonly number[]): Tensor => randn(shape, { generator });
  using latents = noise([1, config.inChannels, 3, 4, 4]);
  using prompt = noise([1, 512, config.textDim]).to({ dtype: "bfloat16" });
  using negative = noise([1, 512, config.textDim]).to({ dtype: "bfloat16" });
  const startedAt = performance.now();
  using walk = new Denoising(transformer, {
    ...{ latents, promptEmbeds: prompt, negativePromptEmbeds: negative },
    ...{ guidanceScale: 5, steps: 50, shift: 5, solver: "unipc" },
  });
  walk.step();
  const hash = sha256(walk.latents.toBytes());
  return { seconds: (performance.now() - startedAt) / 1000, hash };
}

await useTorch();
if (kind === "open") console.log(JSON.stringify({ seconds: open() }));
else {
  const blocks = kind === "mapped" ? "mapped" : undefined;
  const { model, params } = loadTransformer(folder, { dtype: "bfloat16", device: "cpu", blocks });
  console.log(JSON.stringify(step(model)));
  for (const param of params.values()) param[Symbol.dispose]();
  model[Symbol.dispose]();
}
