/** Makes one video: prompts encoded, the text encoder gone, then transformer and VAE. */
import type { Emit } from "../../events/mod.ts";
import { resolveDevice, resolveDtype } from "../../train/mod.ts";
import { type Device, type DType, noGrad, type Tensor, tidy } from "../../torch/mod.ts";
import { encodePrompt, generate, type Generated, type ModelFolder, padPrompt, TEXT_LENGTH } from "../../wan/mod.ts";
import { applyLoras, type LoraChoice } from "./lora.ts";
import type { SampleSettings } from "./settings.ts";

/** What is to be made, and how the work is watched and ended. */
export interface MakeOptions {
  readonly prompt: string;
  readonly settings: SampleSettings;
  readonly loras: readonly LoraChoice[];
  /** Starting noise [1, C, T, h, w]; absent: the seed's */
  readonly latents?: Tensor | undefined;
  /** The first frame [1, 3, H, W] in [−1, 1] */
  readonly image?: Tensor | undefined;
  readonly device: string;
  readonly dtype: "auto" | "float32" | "bfloat16";
  readonly emit: Emit;
  /** Called between the parts of the work and between steps; throws to end it. */
  readonly check: () => void;
}

/**
 * Makes a video with the sampler that training's samples come from. The caller owns the tensors.
 * @throws {WeightsError} {ConfigError} as weights or settings are wrong, and what `options.check` throws
 */
export async function makeVideo(models: ModelFolder, options: MakeOptions): Promise<Generated> {
  const { settings, emit, check } = options;
  const device = resolveDevice(options.device);
  const dtype = resolveDtype(options.dtype, device);
  using owned = new DisposableStack();
  const embeds = embedPrompts(models, { ...options, device, dtype });
  owned.use(embeds.prompt);
  if (embeds.negative !== undefined) owned.use(embeds.negative);
  check();

  emit({ type: "stage", stage: "loading", done: 0, total: 1, item: "transformer" });
  const { model, params } = models.loadTransformer({ dtype, device });
  for (const param of params.values()) owned.use(param);
  owned.use(model);
  owned.use(applyLoras(model, { choices: options.loras, expert: "only" }));
  const vae = owned.use(models.loadVae({ device }));
  emit({ type: "stage", stage: "loading", done: 1, total: 1 });
  check();

  const { steps } = settings;
  const image = options.image && owned.use(options.image.to({ device }));
  emit({ type: "stage", stage: "sampling", done: 0, total: steps });
  return await generate({ model, vae }, {
    start: options.latents ?? settings,
    image,
    promptEmbeds: embeds.prompt,
    negativePromptEmbeds: embeds.negative,
    steps,
    guidanceScale: settings.guidanceScale,
    shift: settings.shift,
    solver: settings.solver,
    onStep: (step) => {
      emit({ type: "stage", stage: "sampling", done: step, total: steps });
      check();
    },
  });
}

interface Embeds {
  readonly prompt: Tensor;
  readonly negative: Tensor | undefined;
}

/** Both prompts as [1, S, D]; the encoder is gone afterwards. The negative one is not wanted without guidance. */
function embedPrompts(
  models: ModelFolder,
  options: Pick<MakeOptions, "prompt" | "settings" | "emit"> & { device: Device; dtype: DType },
): Embeds {
  const { prompt, settings, emit, device, dtype } = options;
  emit({ type: "stage", stage: "loading", done: 0, total: 1, item: "text encoder" });
  const tokenizer = models.loadTokenizer();
  using encoder = models.loadTextEncoder({ device });
  emit({ type: "stage", stage: "loading", done: 1, total: 1 });
  const encode = (text: string): Tensor =>
    noGrad(() =>
      tidy(() =>
        padPrompt(encodePrompt(text, { tokenizer, encoder }).float(), TEXT_LENGTH).unsqueeze(0).to({ device, dtype })
      )
    );
  return {
    prompt: encode(prompt),
    negative: settings.guidanceScale === 1 ? undefined : encode(settings.negativePrompt),
  };
}
