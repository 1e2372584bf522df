/** Runners of golden cases: one for each kind of case, given the case's folder. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { z } from "zod";
import { AdapterSet } from "../../src/nn/mod.ts";
import { type BlockPlan, forwardBackward } from "../../src/parallel/mod.ts";
import { trainWord } from "../../src/train/methods/embedding.ts";
import { mseLoss, stack, type Tensor, tensor, tidy, unscoped } from "../../src/torch/mod.ts";
import { firstFrameMask } from "../../src/wan/denoise.ts";
import { ExpertSwitch, openTransformers, type OpenTransformersOptions } from "../../src/wan/experts.ts";
import { encodeImageCondition } from "../../src/wan/image_condition.ts";
import { type Expert, type ModelSource, openModel } from "../../src/wan/mod.ts";
import { encodeFirstFrame, generate } from "../../src/wan/pipeline.ts";
import { Tokenizer } from "../../src/wan/tokenizer.ts";
import { loadUmt5 } from "../../src/wan/umt5_load.ts";
import { relativeBucket } from "../../src/wan/umt5_position.ts";
import { encodePrompt, padPrompt } from "../../src/wan/umt5_prompt.ts";
import { addNoise, trainingSigmas, velocityTarget } from "../../src/wan/flow.ts";
import { createSolver } from "../../src/wan/solvers/mod.ts";
import { loadTransformer, type Stem, trainableParts, type TransformerInputs } from "../../src/wan/transformer/mod.ts";
import { learnTokens } from "../../src/wan/learned_tokens.ts";
import { loadVae, type TileSizes } from "../../src/wan/vae/mod.ts";
import { readEmbedding } from "../../src/weights/mod.ts";
import { readAdapters } from "../../src/weights/mod.ts";
import { compareCase, type Distance, openCase } from "./golden.ts";

/** Distances by `file/tensor`. */
export type Outcome = Record<string, Distance>;

/** Kind `scheduler`: a solver's stops, and its path for given model outputs. */
export function runSchedulerCase(dir: string): Outcome {
  return tidy(() => {
    const golden = openCase(dir);
    const entry = z.object({ entry_point: z.string() }).parse(golden.json.produced_by).entry_point;
    const kind = entry.includes("UniPC") ? "unipc" : "euler";
    const { shift, flow_shift } = z.looseObject({ shift: z.number().optional(), flow_shift: z.number().optional() })
      .parse(golden.json.config);
    const outputs = golden.tensor("inputs", "model_outputs").unbind();
    using solver = createSolver({ kind, steps: outputs.length, shift: flow_shift ?? shift ?? NaN });
    const trajectory: Tensor[] = [golden.tensor("inputs", "sample")];
    for (const output of outputs) trajectory.push(solver.step(trajectory.at(-1) as Tensor, output));
    return compareCase(dir, {
      outputs: {
        timesteps: tensor(solver.timesteps, { dtype: kind === "unipc" ? "int64" : "float32" }),
        sigmas: tensor(solver.sigmas),
        trajectory: stack(trajectory),
      },
    });
  });
}

/** Kind `scheduler_noising`: the training sigmas, noisy latents and targets. */
export function runNoisingCase(dir: string): Outcome {
  return tidy(() => {
    const golden = openCase(dir);
    const { shift } = z.looseObject({ shift: z.number() }).parse(golden.json.config);
    const sigmas = tensor(trainingSigmas(shift));
    const [latents, noise] = [golden.tensor("inputs", "x0"), golden.tensor("inputs", "noise")];
    const sigma = sigmas.indexSelect(0, golden.tensor("inputs", "index"));
    return compareCase(dir, {
      outputs: {
        sigmas,
        timesteps: sigmas.mul(1000),
        noisy: addNoise(latents, { noise, sigma }),
        target: velocityTarget(latents, noise),
      },
    });
  });
}

const Tiles = z.object({
  tile_sample_min_height: z.number(),
  tile_sample_min_width: z.number(),
  tile_sample_stride_height: z.number(),
  tile_sample_stride_width: z.number(),
}).transform((tiles) => (unit: number): TileSizes => ({
  height: tiles.tile_sample_min_height * unit,
  width: tiles.tile_sample_min_width * unit,
  strideHeight: tiles.tile_sample_stride_height * unit,
  strideWidth: tiles.tile_sample_stride_width * unit,
}));

/** Kinds `vae` and `vae_tiled`: posterior, latents and, of the whole, reconstructions. */
export function runVaeCase(dir: string): Outcome {
  return tidy(() => {
    const golden = openCase(dir);
    using vae = loadVae(join(golden.checkpoint, "vae"));
    const tiles = golden.json.tiling === undefined ? undefined : Tiles.parse(golden.json.tiling);
    // Tile sizes of a case count pixels, but patches when the 2.2 kind encodes.
    const encoding = { tiling: tiles?.(vae.config.patchSize) ?? "auto" } as const;
    const decoding = { tiling: tiles?.(1) ?? "auto" } as const;
    const { mean, logvar } = vae.encode(golden.tensor("inputs", "video"), encoding);
    const noise = golden.tensor("inputs", "posterior_noise");
    const latent = vae.normalize(mean);
    return compareCase(dir, {
      outputs: {
        mean,
        logvar,
        latent,
        latent_sampled: vae.normalize(mean.add(logvar.mul(0.5).exp().mul(noise))),
        ...(tiles === undefined ? { reconstruction: vae.decode(latent, decoding) } : {}),
        decoded: vae.decode(golden.tensor("inputs", "decode_latent"), decoding),
      },
    });
  });
}

/** Rows of a mask [B, L], as numbers. */
function rowsOf(mask: Tensor): number[][] {
  return mask.unbind().map((row) => row.toNumbers());
}

/** Kind `text_encoder`: hidden states of given ids, in float32 and bfloat16, and the pipeline's prompt embeddings. */
export function runTextEncoderCase(dir: string): Outcome {
  return tidy(() => {
    const golden = openCase(dir);
    const folder = join(golden.checkpoint, "text_encoder");
    const [ids, mask] = [
      rowsOf(golden.tensor("inputs", "input_ids")),
      rowsOf(golden.tensor("inputs", "attention_mask")),
    ];
    const flat = mask.flat();
    const computed: Record<string, Record<string, Tensor>> = {};
    using encoder = loadUmt5(folder, { dtype: "float32" });
    const outputs: Record<string, Tensor> = { last_hidden_state: encoder.encode(ids, { mask }) };
    computed.outputs = outputs;
    if (golden.has("outputs", "bucket")) {
      const distances = golden.tensor("outputs", "relative_position").toNumbers();
      outputs.bucket = tensor(distances.map((distance) => relativeBucket(distance, encoder.config)), {
        dtype: "int64",
      });
    }
    if (golden.has("outputs", "prompt_embeds")) {
      const prompts = z.array(z.looseObject({ raw: z.string() })).parse(golden.json.prompts);
      const maxLength = z.number().parse(golden.json.max_sequence_length);
      const tokenizer = Tokenizer.fromFile(join(golden.checkpoint, "tokenizer"));
      outputs.prompt_embeds = stack(
        prompts.map(({ raw }) => padPrompt(encodePrompt(raw, { tokenizer, encoder, maxLength }), maxLength)),
      );
    }
    if (golden.has("outputs_bf16", "last_hidden_state")) {
      using half = loadUmt5(folder, { dtype: "bfloat16" });
      computed.outputs_bf16 = { last_hidden_state: half.encode(ids, { mask }) };
    }
    return compareCase(dir, computed, {
      "outputs/last_hidden_state": flat,
      "outputs_bf16/last_hidden_state": flat,
    });
  });
}

/** Kind `prompt_embeds`: a prompt and a negative prompt at the pipelines' length. */
export function runPromptEmbedsCase(dir: string): Outcome {
  return tidy(() => {
    const golden = openCase(dir);
    const { prompt, negative_prompt, max_sequence_length: maxLength } = z.looseObject({
      prompt: z.string(),
      negative_prompt: z.string(),
      max_sequence_length: z.number(),
    }).parse(golden.json);
    const tokenizer = Tokenizer.fromFile(join(golden.checkpoint, "tokenizer"));
    using encoder = loadUmt5(join(golden.checkpoint, "text_encoder"), { dtype: "float32" });
    const embed = (text: string): Tensor =>
      padPrompt(encodePrompt(text, { tokenizer, encoder, maxLength }), maxLength).unsqueeze(0);
    return compareCase(dir, {
      outputs: { prompt_embeds: embed(prompt), negative_prompt_embeds: embed(negative_prompt) },
    });
  });
}

/** Kind `embedding`: learned vectors for one new token, through encoder and transformer, with their gradient. */
export function runEmbeddingCase(dir: string): Outcome {
  return tidy(() => {
    const golden = openCase(dir);
    const { token, prompt, vectors: count, max_sequence_length: length } = z.looseObject({
      token: z.string(),
      prompt: z.string(),
      vectors: z.number(),
      max_sequence_length: z.number(),
    }).parse(golden.json);
    const path = join(dir, golden.json.files.embedding_diffusers?.path ?? "");
    using named = readEmbedding(path);
    using bare = readEmbedding(join(dir, golden.json.files.embedding_params?.path ?? ""));
    assert.ok(named.token === token && bare.vectors.equal(named.vectors), "both forms hold the same vectors");
    const plain = Tokenizer.fromFile(join(golden.checkpoint, "tokenizer"));
    using encoder = loadUmt5(join(golden.checkpoint, "text_encoder"), { dtype: "float32" });
    const { model } = loadTransformer(join(golden.checkpoint, "transformer"), { dtype: "float32", device: "cpu" });
    using _model = model;
    // As a run that goes on from the file trains it: through the block engine, the vectors being part of the stem.
    const method = { kind: "embedding", token, vectors: count, init: path } as const;
    using word = trainWord(method, { encoder, tokenizer: plain, seed: 0 });
    const { tokenizer, firstId, expand } = learnTokens(plain, [word]);
    const { inputIds, attentionMask } = tokenizer.encodePadded(expand(prompt), length);
    const ids = inputIds.slice(0, attentionMask.filter((flag) => flag === 1).length);
    const rows = encoder.encode([ids], { extraEmbeddings: { firstId, vectors: word.vectors } }).select(0, 0);
    const promptEmbeds = padPrompt(rows, length).unsqueeze(0);
    const hiddenStates = golden.tensor("inputs", "hidden_states");
    const found: { output?: Tensor; grad?: Tensor } = {};
    const loss = forwardBackward<TransformerInputs, Stem>(model, {
      inputs: {
        hiddenStates,
        timestep: golden.tensor("inputs", "timestep"),
        encoderHiddenStates: promptEmbeds.repeat([hiddenStates.size(0), 1, 1]),
      },
      loss: (output) => {
        found.output = unscoped(() => output.detach());
        return mseLoss(output, golden.tensor("inputs", "target"));
      },
      trainable: trainableParts(model, word.params),
      plan: model.blocks.map((_, i): BlockPlan => i % 2 === 0 ? "recompute" : "keep"),
      sink: (_, gradient) => found.grad = unscoped(() => gradient.clone()),
    });
    using _output = found.output;
    using _grad = found.grad;
    const integers = (values: readonly number[]): Tensor => tensor(values, { dtype: "int64" });
    return compareCase(dir, {
      outputs: {
        input_ids: integers(inputIds).unsqueeze(0),
        attention_mask: integers(attentionMask).unsqueeze(0),
        token_ids: integers(Array.from({ length: count }, (_, i) => firstId + i)),
        prompt_embeds: promptEmbeds,
        loss,
        ...found,
      },
    });
  });
}

const PipelineCase = z.looseObject({
  arguments: z.object({
    prompt: z.string(),
    negative_prompt: z.string().default(""),
    height: z.number(),
    width: z.number(),
    num_frames: z.number(),
    num_inference_steps: z.number(),
    guidance_scale: z.number(),
    guidance_scale_2: z.number().optional(),
    max_sequence_length: z.number(),
  }),
  /** Present where a case does not use the checkpoint's own scheduler. */
  scheduler: z.looseObject({ class: z.string(), shift: z.number() }).optional(),
  /** LoRA files by the transformer they belong to. */
  loras: z.record(z.string(), z.string()).default({}),
  expert_per_step: z.array(z.string()).optional(),
});

const COMPONENTS: Record<Expert, string> = { only: "transformer", high: "transformer", low: "transformer_2" };

/** Hangs a case's LoRA on a transformer. */
function adaptWith(dir: string, loras: Readonly<Record<string, string>>): OpenTransformersOptions["adapt"] {
  return (model, expert) => {
    const path = loras[COMPONENTS[expert]];
    if (path === undefined) return undefined;
    using file = readAdapters(join(dir, path));
    return AdapterSet.apply(model.linears, { modules: file.modules, name: path });
  };
}

/** Kind `pipeline`: prompt and pictures to latents and frames. */
export async function runPipelineCase(dir: string): Promise<Outcome> {
  const golden = openCase(dir);
  const { arguments: wanted, scheduler, loras, expert_per_step } = PipelineCase.parse(golden.json);
  const folder = openModel(golden.checkpoint);
  using owned = new DisposableStack();
  const vae = owned.use(folder.loadVae());
  const embed = promptEmbedder(folder, wanted.max_sequence_length);
  const [promptEmbeds, negativePromptEmbeds] = [wanted.prompt, wanted.negative_prompt].map(embed) as [Tensor, Tensor];
  owned.use(promptEmbeds);
  owned.use(negativePromptEmbeds);
  const picture = (name: string): Tensor | undefined =>
    golden.has("inputs", name)
      ? owned.use(tidy(() => golden.tensor("inputs", name).mul(2).sub(1))) // stored in [0, 1]
      : undefined;
  const [image, lastImage] = [picture("image"), picture("last_image")];
  const model = owned.use(openTransformers(folder, { adapt: adaptWith(dir, loras) }));
  const perStep: Tensor[] = [];
  const experts: string[] = [];
  const { latents, frames } = await generate({ model, vae }, {
    promptEmbeds,
    negativePromptEmbeds,
    guidanceScale: wanted.guidance_scale,
    lowNoiseGuidanceScale: wanted.guidance_scale_2,
    solver: scheduler?.class.includes("Euler") ? "euler" : "unipc",
    steps: wanted.num_inference_steps,
    shift: scheduler?.shift ?? folder.shift,
    start: owned.use(golden.tensor("inputs", "latents")),
    image,
    lastImage,
    onStep: (_, now) => {
      perStep.push(owned.use(now.clone()));
      if (model instanceof ExpertSwitch) experts.push(...model.loaded.map((expert) => COMPONENTS[expert]));
    },
  });
  owned.use(latents);
  owned.use(frames);
  assert.deepEqual(frames.shape, [1, wanted.num_frames, 3, wanted.height, wanted.width]);
  if (expert_per_step !== undefined) assert.deepEqual(experts, expert_per_step, "one expert at a time, the right one");
  return tidy(() =>
    compareCase(dir, {
      outputs: { latents_per_step: stack(perStep), latents, frames },
      ...(image === undefined ? {} : {
        extra: folder.variant.image === "channels"
          ? { condition: encodeImageCondition(vae, { image, lastImage, numFrames: wanted.num_frames }) }
          : { condition: encodeFirstFrame(vae, image), first_frame_mask: firstFrameMask(latents) },
      }),
    })
  );
}

/** Encodes prompts as [1, length, D] in float32. */
function promptEmbedder(folder: ModelSource, maxLength: number): (prompt: string) => Tensor {
  const tokenizer = folder.loadTokenizer();
  return (prompt) => {
    using encoder = folder.loadTextEncoder({ dtype: "float32" });
    return tidy(() => padPrompt(encodePrompt(prompt, { tokenizer, encoder, maxLength }), maxLength).unsqueeze(0));
  };
}
