/**
 * Which files of a repository are needed. Repositories hold the same weights in several forms and precisions; one of each
 * is enough: safetensors before PyTorch's own, and the plain precision unless another is asked for.
 */

import { ConfigError } from "../base/mod.ts";
import type { HubFile } from "./client.ts";

/** What of a repository is wanted. */
export interface Selection {
  /** Parts (`transformer`, `vae`, …), file names or patterns with `*`; absent: all that a model needs. */
  readonly only?: readonly string[] | undefined;
  /** A precision that files are named by, such as `fp16`. */
  readonly precision?: string | undefined;
}

/** How a repository is laid out. */
export type Layout = "diffusers" | "original" | "other";

const WEIGHTS = /\.(safetensors|bin|pth?|ckpt|gguf|msgpack|h5|onnx|onnx_data|pb|ot|tflite)(\.index(\.\w+)?\.json)?$/;
/** Forms we read, the best first. */
const READABLE = ["safetensors", "bin", "pth", "pt"];
const SIDE_FILES = /\.(json|txt|model)$/;

/** How the files are laid out. */
export function layoutOf(files: readonly HubFile[]): Layout {
  const has = (test: RegExp): boolean => files.some(({ path }) => test.test(path));
  if (has(/^model_index\.json$/)) return "diffusers";
  if (has(/^(high_noise_model|low_noise_model)\//) || has(/^(Wan\d[\d.]*_VAE|models_t5_[^/]*)\.pth$/)) {
    return "original";
  }
  return "other";
}

/**
 * The files needed, in the repository's order.
 * @throws {ConfigError} if `only` names nothing in it, or it holds several models and none is named
 */
export function selectFiles(files: readonly HubFile[], selection: Selection & { repo: string }): HubFile[] {
  const { only, repo } = selection;
  const layout = layoutOf(files);
  const wanted = chooseForms(files.filter(({ path }) => partOf(path, layout) !== undefined), {
    layout,
    precision: selection.precision,
  });
  if (only === undefined || only.length === 0) {
    const weights = wanted.filter(({ path }) => WEIGHTS.test(path) && !path.endsWith(".json"));
    if (layout !== "other" || weights.length === 1) return wanted;
    const list = weights.slice(0, 8).map(({ path }) => path).join(", ") + (weights.length > 8 ? ", …" : "");
    throw new ConfigError(
      weights.length === 0
        ? `Cannot fetch ${repo}: there are no weights in it.`
        : `Cannot choose what to fetch of ${repo}: it holds ${weights.length} weight files: ${list}.`,
      { cure: weights.length === 0 ? "name another repository" : "name the file with --only" },
    );
  }
  const taken = new Set<HubFile>();
  for (const name of only) {
    const matching = isPattern(name)
      ? files.filter(({ path }) => patternOf(name).test(path)) // named outright: whatever its form
      : wanted.filter(({ path }) => partOf(path, layout) === name);
    if (matching.length === 0) {
      const parts = new Set(wanted.map(({ path }) => partOf(path, layout)).filter((part) => part !== ""));
      throw new ConfigError(`Cannot fetch "${name}" of ${repo}: there is no such part or file.`, {
        cure: layout === "other" ? "name a file, or several with *" : `its parts are ${[...parts].join(", ")}`,
      });
    }
    for (const file of matching) taken.add(file);
  }
  return files.filter((file) => taken.has(file) || (layout === "diffusers" && file.path === "model_index.json"));
}

/** The part a file belongs to: "" for what concerns all, undefined for what no model needs. */
function partOf(path: string, layout: Layout): string | undefined {
  const [top = "", ...rest] = path.split("/");
  const name = rest.at(-1) ?? top;
  const useful = WEIGHTS.test(name) || SIDE_FILES.test(name);
  if (layout === "diffusers") {
    if (path === "model_index.json") return "";
    return rest.length === 1 && useful ? top : undefined;
  }
  if (layout === "other") return useful && (WEIGHTS.test(name) || name === "config.json") ? "" : undefined;
  if (top === "high_noise_model" || top === "low_noise_model") {
    if (!useful) return undefined;
    return top === "high_noise_model" ? "transformer" : "transformer_2";
  }
  if (top === "google" && useful) return "tokenizer";
  if (rest.length > 0) return undefined;
  if (/_VAE\.pth$/.test(name)) return "vae";
  if (/^models_t5_/.test(name)) return "text_encoder";
  if (/^diffusion_pytorch_model/.test(name) || name === "config.json") return "transformer";
  return undefined;
}

/**
 * Of weights that lie in several forms and precisions, one; other files all. In diffusers layout a folder holds one
 * model whatever its files are called, elsewhere a model is told by its name.
 */
function chooseForms(
  files: readonly HubFile[],
  { layout, precision }: { layout: Layout; precision: string | undefined },
): HubFile[] {
  const facts = new Map(files.map((file) => [file, weightFacts(file.path)]));
  const models = Map.groupBy(files, (file) => {
    const f = facts.get(file);
    return f === undefined ? "" : layout === "diffusers" ? f.folder : `${f.folder}/${f.stem}`;
  });
  const kept = new Set(models.get(""));
  models.delete("");
  for (const members of models.values()) {
    const rank = (file: HubFile): number => {
      const f = facts.get(file);
      const form = f === undefined ? -1 : READABLE.indexOf(f.form);
      if (f === undefined || form < 0) return Infinity;
      return form + READABLE.length * (f.precision === precision ? 0 : f.precision === "" ? 1 : 2);
    };
    const best = Math.min(...members.map(rank));
    const first = facts.get(members.find((file) => rank(file) === best) as HubFile);
    for (const file of members) {
      if (best < Infinity && rank(file) === best && facts.get(file)?.precision === first?.precision) kept.add(file);
    }
  }
  return files.filter((file) => kept.has(file));
}

/** What the name of a weight file, or of its index, says; undefined for other files. */
function weightFacts(path: string): { folder: string; stem: string; form: string; precision: string } | undefined {
  const found = WEIGHTS.exec(path);
  if (found === null) return undefined;
  const slash = path.lastIndexOf("/");
  const name = path.slice(slash + 1, found.index).replace(/-\d{5}-of-\d{5}/, "");
  const inName = /\.(fp16|bf16|fp32|fp8\w*|int8|non_ema|ema)$/.exec(name);
  return {
    folder: path.slice(0, slash + 1),
    stem: inName === null ? name : name.slice(0, inName.index),
    form: found[1] ?? "",
    precision: found[3]?.slice(1) ?? inName?.[1] ?? "",
  };
}

function isPattern(name: string): boolean {
  return /[*/.]/.test(name);
}

/** `*` is anything within a folder, `**` across folders; a name without a slash is looked for in every folder. */
function patternOf(glob: string): RegExp {
  const escaped = glob.split(/(\*\*|\*)/).map((piece) =>
    piece === "**" ? ".*" : piece === "*" ? "[^/]*" : piece.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&")
  ).join("");
  return new RegExp(`^${glob.includes("/") ? "" : "(.*/)?"}${escaped}$`);
}
