/**
 * What a LoRA file tells programs and people about its making. All values are strings; the reader of the tensors needs
 * none of them.
 *
 * Sources: kohya-ss sd-scripts (`ss_*`), Stability-AI ModelSpec 1.0.0 (`modelspec.*`).
 */

/** Facts about a training run, as far as its LoRA file shall tell them. */
export interface LoraFacts {
  readonly title: string;
  /** The base model, such as `wan2.2-ti2v-5b`. */
  readonly architecture: string;
  readonly rank: number;
  readonly alpha: number;
  /** Pixels of the training clips. */
  readonly width?: number | undefined;
  readonly height?: number | undefined;
  readonly steps?: number | undefined;
  readonly epochs?: number | undefined;
  readonly seed?: number | undefined;
  readonly learningRate?: number | undefined;
  readonly optimizer?: string | undefined;
  /** ISO 8601; given by the caller, so that equal runs make equal files. */
  readonly date?: string | undefined;
}

/**
 * Header entries for a LoRA whose alpha is folded into its tensors: `ss_network_alpha` is the rank, as the file's own
 * scale is 1; the alpha of the training stands in `ss_network_args`.
 */
export function describeLora(facts: LoraFacts): Record<string, string> {
  const { width, height } = facts;
  const entries: Record<string, string | number | undefined> = {
    "modelspec.sai_model_spec": "1.0.0",
    "modelspec.architecture": `${facts.architecture}/lora`,
    "modelspec.implementation": "wantune",
    "modelspec.title": facts.title,
    "modelspec.resolution": width === undefined || height === undefined ? undefined : `${width}x${height}`,
    "modelspec.date": facts.date,
    ss_output_name: facts.title,
    ss_base_model_version: facts.architecture,
    ss_network_module: "lora",
    ss_network_dim: facts.rank,
    ss_network_alpha: facts.rank,
    ss_network_args: JSON.stringify({ trained_alpha: facts.alpha }),
    ss_steps: facts.steps,
    ss_epoch: facts.epochs,
    ss_seed: facts.seed,
    ss_learning_rate: facts.learningRate,
    ss_optimizer: facts.optimizer,
  };
  const known = Object.entries(entries).filter(([, value]) => value !== undefined);
  return Object.fromEntries(known.map(([key, value]) => [key, String(value)]));
}
