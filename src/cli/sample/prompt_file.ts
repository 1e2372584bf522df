/** A file with one video a line: a prompt and its options, or a JSON object. */
import { readFileSync } from "node:fs";
import { ConfigError, DataError, messageOf } from "../../base/mod.ts";
import { parseWishes, type VideoWishes, wishProblem } from "./wishes.ts";

/** One line's video. */
export interface PromptLine {
  /** Counted from 1. */
  readonly line: number;
  readonly prompt: string;
  readonly wishes: VideoWishes;
}

/**
 * Reads a prompt file. Empty lines and those that begin with # say nothing.
 * @throws {DataError} if it cannot be read or names no video
 * @throws {ConfigError} listing each line that is wrong
 */
export function readPromptFile(path: string): PromptLine[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new DataError(`Cannot read the prompts in "${path}": ${messageOf(cause)}`, { cure: "check the path", cause });
  }
  const problems: string[] = [];
  const found = text.replace(/^\ufeff/, "").split(/\r?\n/).flatMap((content, i): PromptLine[] => {
    if (/^\s*(#|$)/.test(content)) return [];
    try {
      return [{ line: i + 1, ...parsePromptLine(content) }];
    } catch (error) {
      problems.push(`line ${i + 1}: ${error instanceof ConfigError ? error.message : wishProblem(error)}`);
      return [];
    }
  });
  if (problems.length > 0) {
    throw new ConfigError(`Cannot use the prompts in "${path}": ${problems.join("; ")}`, {
      cure: 'write a line as `a cat --seed 3 --width 832`, or as {"prompt": "a cat", "seed": 3}',
    });
  }
  if (found.length > 0) return found;
  throw new DataError(`Cannot use the prompts in "${path}": it has none`, { cure: "write one a line" });
}

/**
 * One line. Options begin behind ` -- ` or with the first ` --word`, as in the prompt files of other trainers: nobody means
 * them to be seen in the video.
 * @throws {ConfigError} or {CommanderError} if it is wrong
 */
export function parsePromptLine(content: string): Omit<PromptLine, "line"> {
  const trimmed = content.trim();
  if (trimmed.startsWith("{")) return parseObject(trimmed);
  const end = trimmed.search(/(?:^|\s)--(?:\s|$|[a-z])/i);
  const prompt = (end < 0 ? trimmed : trimmed.slice(0, end)).trim();
  if (prompt === "") throw new ConfigError("it has no prompt");
  const options = end < 0 ? "" : trimmed.slice(end).replace(/^\s*--(?=\s|$)/, "");
  return { prompt, wishes: parseWishes(words(options)) };
}

function parseObject(text: string): Omit<PromptLine, "line"> {
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ConfigError("it is no valid JSON", { cause });
  }
  const { prompt, ...rest } = value;
  if (typeof prompt !== "string" || prompt.trim() === "") throw new ConfigError("it has no prompt");
  const args = Object.entries(rest).map(([key, given]) => {
    if (typeof given !== "string" && typeof given !== "number") throw new ConfigError(`${key} is no text or number`);
    return `--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}=${given}`;
  });
  return { prompt, wishes: parseWishes(args) };
}

/** Splits at spaces; what stands in quotes stays together. */
function words(text: string): string[] {
  return [...text.matchAll(/(?:[^\s"']+|"[^"]*"|'[^']*')+/g)].map(([word]) =>
    word.replaceAll(/"([^"]*)"|'([^']*)'/g, (_, a?: string, b?: string) => a ?? b ?? "")
  );
}
