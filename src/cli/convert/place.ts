/**
 * Where results go: never over something that is there, unless that was asked for, and then over nothing but what an earlier
 * call wrote.
 */
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, realpathSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { ConfigError, makeFolder, WeightsError } from "../../base/mod.ts";
import { SafetensorsFile } from "../../weights/mod.ts";

/** The header entry by which files are known again that `convert` and `merge` can make once more. */
const MADE_BY = "wantune.made_by";

/** Header entries for what a command writes. */
export function madeBy(command: "convert" | "merge"): Record<string, string> {
  return { [MADE_BY]: command };
}

/** What goes to a place. */
export interface PlaceOptions {
  readonly kind: "file" | "folder";
  /** Whether the result of an earlier call may be replaced. */
  readonly force: boolean;
  /** Files and folders that are read. */
  readonly inputs: readonly (string | undefined)[];
}

/** What there is beside the weights in a folder of `saveModel`. */
const SIDECAR = new RegExp(
  "^(model_index\\.json|scheduler/scheduler_config\\.json" +
    "|(transformer|transformer_2|vae|text_encoder)/(config\\.json|[\\w.-]+\\.safetensors\\.index\\.json)" +
    "|tokenizer/(spiece\\.model|(tokenizer|tokenizer_config|special_tokens_map|added_tokens|config)\\.json))$",
);

/**
 * Refuses a place that is taken. An empty folder is not; with `force` neither is what an earlier call wrote, as long as nothing
 * else lies in it and nothing of it is read.
 * @throws {ConfigError}
 */
export function checkPlace(path: string, { kind, force, inputs }: PlaceOptions): void {
  if (!existsSync(path)) return;
  const isFolder = statSync(path).isDirectory();
  if (isFolder !== (kind === "folder")) {
    throw new ConfigError(`Cannot write the ${kind} "${path}": it is a ${isFolder ? "folder" : "file"}`, {
      cure: "choose another name",
    });
  }
  if (isFolder && readdirSync(path).length === 0) return;
  const input = inputs.find((input) => input !== undefined && overlap(path, input));
  if (input !== undefined) {
    throw new ConfigError(`Cannot write "${path}" over "${input}", which is read for it`, {
      cure: "choose another name",
    });
  }
  if (!force) {
    throw new ConfigError(`Cannot write "${path}": it exists`, {
      cure: "choose another name, or replace it with --force",
    });
  }
  const files = [...filesAt(path)].filter((file) => !SIDECAR.test(relative(path, file).replaceAll("\\", "/")));
  const foreign = files.length === 0 ? path : files.find((file) => !isOurs(file));
  if (foreign === undefined) return;
  throw new ConfigError(`Cannot replace "${path}": "${foreign}" is not of an earlier convert or merge`, {
    cure: "choose another name, or remove it yourself",
  });
}

/**
 * Makes a folder under a name of its own and gives it the right name when it is complete; what was there before stays until
 * then.
 * @param make writes to the path it is given, which does not exist
 * @throws {ConfigError} like `checkPlace`, also if the place was taken meanwhile
 */
export function makeInPlace(path: string, place: PlaceOptions, make: (temporary: string) => void): void {
  const full = resolve(path);
  const aside = join(dirname(full), `.${basename(full)}.${Deno.pid}-${randomBytes(4).toString("hex")}`);
  const [made, old] = [`${aside}.new`, `${aside}.old`];
  makeFolder(dirname(full));
  try {
    make(made);
    checkPlace(path, place);
    if (existsSync(full)) Deno.renameSync(full, old);
    Deno.renameSync(made, full);
  } finally {
    if (existsSync(old) && !existsSync(full)) Deno.renameSync(old, full);
    for (const rest of [made, old]) rmSync(rest, { recursive: true, force: true });
  }
}

/** Whether two paths are one, or one lies in the other. */
function overlap(a: string, b: string): boolean {
  const [x, y] = [real(a), real(b)];
  return x === y || x.startsWith(y + sep) || y.startsWith(x + sep);
}

function real(path: string): string {
  return existsSync(path) ? realpathSync(path) : resolve(path);
}

/** Everything that is no folder, links among it. */
function* filesAt(path: string): Generator<string> {
  if (!statSync(path).isDirectory()) return yield path;
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const below = join(path, entry.name);
    if (entry.isDirectory()) yield* filesAt(below);
    else yield below;
  }
}

function isOurs(file: string): boolean {
  if (!file.endsWith(".safetensors")) return false;
  try {
    using found = SafetensorsFile.open(file);
    return found.metadata.has(MADE_BY);
  } catch (error) {
    if (error instanceof WeightsError) return false;
    throw error;
  }
}
