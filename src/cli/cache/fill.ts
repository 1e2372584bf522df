/** Fills the cache of a config. */
import { ConfigError, formatDuration, Stopped } from "../../base/mod.ts";
import { loadConfig } from "../../config/mod.ts";
import { EventBus, numbering } from "../../events/mod.ts";
import { findPrograms } from "../../media/mod.ts";
import { hostThreads } from "../../torch/mod.ts";
import { cacheClips } from "../../train/mod.ts";
import { printLine, writeText } from "../output.ts";
import { rendererForStdout } from "../render.ts";
import { StopSignals } from "../signals.ts";
import { openLibtorch } from "../torch.ts";

/** Options of `wantune cache`. */
export interface FillOptions {
  readonly path: string | undefined;
  readonly set: readonly string[];
  readonly libtorch?: string;
  readonly json?: true;
}

/** Encodes what is missing, with progress, and says what came of it. */
export async function fillCache(options: FillOptions): Promise<void> {
  const startedAt = performance.now();
  if (options.path === undefined) {
    throw new ConfigError("Cannot fill a cache: no config was named.", {
      cure: "give one, `wantune cache my.jsonc`; see `wantune cache --help` for stats, verify and prune",
    });
  }
  const config = loadConfig(options.path, { set: options.set });
  await findPrograms();
  await openLibtorch({ libtorch: options.libtorch });
  if (config.memory.threads !== "auto") hostThreads(config.memory.threads);
  using signals = await StopSignals.listen();
  using stack = new DisposableStack();
  const renderer = rendererForStdout({ json: options.json === true, write: (text) => writeText(Deno.stdout, text) });
  stack.defer(() => renderer.close());
  const bus = new EventBus(numbering("cache"));
  bus.subscribe(renderer.read, { name: "the terminal" });
  try {
    using dataset = await cacheClips(config, { emit: bus.emit, signal: signals.signal });
    renderer.close();
    const { items, rejected, numEncoded: encoded, cacheFolder: folder } = dataset;
    const seconds = (performance.now() - startedAt) / 1000;
    if (options.json) {
      return printLine(JSON.stringify({ folder, items: items.length, rejected: rejected.length, encoded, seconds }));
    }
    const made = `${encoded.latents} windows and ${encoded.text} captions were encoded`;
    const left = rejected.length > 0 ? `; ${rejected.length} files were left out` : "";
    printLine(`${items.length} items are ready in ${folder}: ${made} in ${formatDuration(seconds)}${left}`);
  } catch (error) {
    if (!signals.requested || error !== signals.signal.reason) throw error;
    throw new Stopped("Stopped; what was encoded is kept.", { cure: "run it again: it goes on where it stopped" });
  }
}
