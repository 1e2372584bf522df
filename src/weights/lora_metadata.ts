/**
 * What an adapter file tells programs and people about its making. All values are strings; the reader of the tensors needs
 * none of them.
 *
 * Sources: kohya-ss sd-scripts (`ss_*`), Stability-AI ModelSpec 1.0.0 (`modelspec.*`).
 */

/** Facts about a training run, as far as its file shall tell them. */
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
  /** Absent: a LoRA. */
  readonly module?: string | undefined;
  readonly numItems?: number | undefined;
  readonly batchSize?: number | undefined;
  readonly mixedPrecision?: string | undefined;
  readonly shift?: number | undefined;
  /** Which of two experts it is for. */
  readonly expert?: "high" | "low" | undefined;
  /** Timesteps 0 … 1000 that it was trained on, where not all. */
  readonly timestepRange?: readonly [min: number, max: number] | undefined;
  /** The run's whole config and its hash. */
  readonly config?: unknown;
  readonly configHash?: string | undefined;
  /** ISO 8601; given by the caller, so that equal runs make equal files. */
  readonly date?: string | undefined;
}

/** The header's entries for the run's config. */
export const CONFIG_KEY = "wantune.config", CONFIG_HASH_KEY = "wantune.config_hash";

/**
 * Header entries for an adapter. In a LoRA file whose alpha is folded into its tensors `ss_network_alpha` is the rank, as the
 * file's own scale is 1; the alpha of the training stands in `ss_network_args`.
 * @param options.folded whether alpha is folded in; true if absent
 */
export function describeLora(facts: LoraFacts, { folded = true }: { folded?: boolean } = {}): Record<string, string> {
  const { width, height, timestepRange, config } = facts;
  const entries: Record<string, string | number | undefined> = {
    "modelspec.sai_model_spec": "1.0.0",
    "modelspec.architecture": `${facts.architecture}/lora`,
    "modelspec.implementation": "wantune",
    "modelspec.title": facts.title,
    "modelspec.resolution": width === undefined || height === undefined ? undefined : `${width}x${height}`,
    "modelspec.timestep_range": timestepRange?.join(),
    "modelspec.date": facts.date,
    ss_output_name: facts.title,
    ss_base_model_version: facts.architecture,
    ss_network_module: facts.module ?? "lora",
    ss_network_dim: facts.rank,
    ss_network_alpha: folded ? facts.rank : facts.alpha,
    ss_network_args: JSON.stringify({
      trained_alpha: facts.alpha,
      ...(facts.expert === undefined ? {} : { expert: facts.expert }),
    }),
    ss_steps: facts.steps,
    ss_epoch: facts.epochs,
    ss_seed: facts.seed,
    ss_learning_rate: facts.learningRate,
    ss_optimizer: facts.optimizer,
    ss_num_train_items: facts.numItems,
    ss_total_batch_size: facts.batchSize,
    ss_mixed_precision: facts.mixedPrecision,
    ss_discrete_flow_shift: facts.shift,
    [CONFIG_KEY]: config === undefined ? undefined : JSON.stringify(config),
    [CONFIG_HASH_KEY]: facts.configHash,
  };
  const known = Object.entries(entries).filter(([, value]) => value !== undefined);
  return Object.fromEntries(known.map(([key, value]) => [key, String(value)]));
}

/** A header's entries as lines for people: short ones in full, long ones by their length, in the file's order. */
export function metadataLines(metadata: ReadonlyMap<string, string>, options: { longest?: number } = {}): string[] {
  const { longest = 100 } = options;
  return [...metadata].map(([key, value]) => {
    const line = value.replaceAll(/\s+/g, " ").trim();
    return `${key}: ${line.length <= longest ? line : `${line.slice(0, longest - 3)}... (${value.length} characters)`}`;
  });
}
