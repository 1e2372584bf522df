/** Makes videos: all prompts encoded, the text encoder gone, then transformer and VAE for one video after the other. */
import type { Emit } from "../../events/mod.ts";
import { noGrad, type Tensor, tidy } from "../../torch/mod.ts";
import {
  cleanPrompt,
  encodePrompt,
  generate,
  type Generated,
  type ModelSource,
  openTransformers,
  padPrompt,
  solverOf,
  TEXT_LENGTH,
} from "../../wan/mod.ts";
import { readLearnedTokens } from "./embeddings.ts";
import { applyLoras, applyTextLoras, loraWeights } from "./lora.ts";
import type { LoraUse } from "./lora_use.ts";
import type { Placement } from "./placement.ts";
import type { SampleSettings } from "./settings.ts";

/** One video to make. */
export interface VideoOrder {
  readonly prompt: string;
  readonly settings: SampleSettings;
  /** Starting noise [1, C, T, h, w]; absent: the seed's */
  readonly latents?: Tensor | undefined;
  /** The first frame [1, 3, H, W] in [−1, 1] */
  readonly image?: Tensor | undefined;
  /** The last frame, like `image` */
  readonly lastImage?: Tensor | undefined;
}

/** How videos are made, and how the work is watched and ended. */
export interface MakeOptions<Order extends VideoOrder> {
  readonly orders: readonly Order[];
  readonly loras: readonly LoraUse[];
  /** Files of learned tokens. */
  readonly embeddings: readonly string[];
  readonly placement: Placement;
  readonly emit: Emit;
  /** Called between the parts of the work and between steps; throws to end it. */
  readonly check: () => void;
  /** Called with each video that was made; its tensors are freed afterwards. */
  readonly onMade: (order: Order, made: Generated) => Promise<void>;
}

/**
 * Makes videos with the sampler that training's samples come from.
 * @throws {WeightsError} {ConfigError} as weights or settings are wrong, and what `check` and `onMade` throw
 */
export async function makeVideos<Order extends VideoOrder>(
  models: ModelSource,
  options: MakeOptions<Order>,
): Promise<void> {
  const { orders, loras, placement, emit, check, onMade } = options;
  const { device, dtype } = placement;
  using owned = new DisposableStack();
  const embeds = embedTexts(models, options);
  for (const rows of embeds.values()) owned.use(rows);
  check();

  emit({ type: "stage", stage: "loading", done: 0, total: 1, item: "transformer" });
  const model = owned.use(openTransformers(models, {
    dtype,
    device,
    blocks: placement.blocks === "resident" ? undefined : placement.blocks,
    keepBoth: placement.keepBoth,
    view: (weights, expert) => loraWeights(weights, { loras, expert }),
    adapt: (transformer, expert) => applyLoras(transformer, { loras, expert }),
  }));
  const vae = owned.use(models.loadVae({ device }));
  emit({ type: "stage", stage: "loading", done: 1, total: 1 });
  check();

  for (const order of orders) {
    const { prompt, settings: { negativePrompt, steps, ...settings } } = order;
    const item = orders.length === 1 ? undefined : prompt;
    emit({ type: "stage", stage: "sampling", done: 0, total: steps, item });
    using given = new DisposableStack();
    const placed = (x: Tensor | undefined): Tensor | undefined => x && given.use(x.to({ device }));
    const made = await generate({ model, vae }, {
      start: order.latents ?? settings,
      image: placed(order.image),
      lastImage: placed(order.lastImage),
      promptEmbeds: embeds.get(textKey(prompt, settings)) as Tensor,
      negativePromptEmbeds: isGuided(order.settings) ? embeds.get(textKey(negativePrompt, settings)) : undefined,
      steps,
      guidanceScale: settings.guidanceScale,
      lowNoiseGuidanceScale: settings.lowNoiseGuidanceScale,
      shift: settings.shift,
      solver: solverOf(settings),
      onStep: (step) => {
        emit({ type: "stage", stage: "sampling", done: step, total: steps, item });
        check();
      },
    });
    using _latents = made.latents;
    using _frames = made.frames;
    await onMade(order, made);
  }
}

/** Whether a negative prompt is wanted. */
function isGuided({ guidanceScale, lowNoiseGuidanceScale = guidanceScale }: SampleSettings): boolean {
  return guidanceScale !== 1 || lowNoiseGuidanceScale !== 1;
}

/** What decides a text's rows. */
function textKey(text: string, { textLength = TEXT_LENGTH }: Pick<SampleSettings, "textLength">): string {
  return `${textLength} ${text}`;
}

/** That the end of a text is lost. */
function cutText(text: string, { count, maxLength }: { count: number; maxLength: number }): string {
  const start = text.length > 40 ? `${text.slice(0, 40)}…` : text;
  return `"${start}" has ${count} tokens, its end included, and the model reads ${maxLength}: the rest is left out.`;
}

/** Every text that is needed, as [1, S, D]; the encoder is gone afterwards. */
function embedTexts(
  models: ModelSource,
  options: {
    orders: readonly VideoOrder[];
    loras: readonly LoraUse[];
    embeddings: readonly string[];
    emit: Emit;
    placement: Placement;
  },
): Map<string, Tensor> {
  const { orders, emit, placement: { device, dtype, mapsText } } = options;
  emit({ type: "stage", stage: "loading", done: 0, total: 1, item: "text encoder" });
  using encoder = models.loadTextEncoder({ device, mapped: mapsText });
  using _loras = applyTextLoras(encoder, options.loras);
  using learned = readLearnedTokens(models.loadTokenizer(), {
    paths: options.embeddings,
    width: encoder.config.width,
    prompts: orders.flatMap(({ prompt, settings }) => [prompt, settings.negativePrompt]),
  });
  const { tokenizer, extraEmbeddings } = learned;
  emit({ type: "stage", stage: "loading", done: 1, total: 1 });
  const encode = (text: string, maxLength: number): Tensor => {
    const expanded = learned.expand(text);
    const count = tokenizer.encode(cleanPrompt(expanded)).length;
    if (count > maxLength) emit({ type: "warning", message: cutText(text, { count, maxLength }) });
    return noGrad(() =>
      tidy(() => {
        const extra = extraEmbeddings === undefined ? {} : { extraEmbeddings };
        const rows = encodePrompt(expanded, { tokenizer, encoder, maxLength, ...extra }).float();
        return padPrompt(rows, maxLength).unsqueeze(0).to({ device, dtype });
      })
    );
  };
  const embeds = new Map<string, Tensor>();
  for (const { prompt, settings } of orders) {
    for (const text of isGuided(settings) ? [prompt, settings.negativePrompt] : [prompt]) {
      const key = textKey(text, settings);
      if (!embeds.has(key)) embeds.set(key, encode(text, settings.textLength ?? TEXT_LENGTH));
    }
  }
  return embeds;
}
