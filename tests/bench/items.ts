/**
 * A source list of many items with everything known and encoded: from the scan to the first batch. The clips are empty
 * files; what would be probed of them, their hashes and their entries in the cache are made up.
 */
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { cpuUsage } from "node:process";
import { dataConfig, standIns } from "../support/dataset.ts";
import { cacheKey, TensorCache } from "../../src/data/cache.ts";
import { FileFacts, fileState, prepareDataset, type PrepareOptions } from "../../src/data/mod.ts";
import { knownGlance, probedInfo } from "../../src/data/probed.ts";
import { sha256 } from "../../src/base/mod.ts";
import { findPrograms } from "../../src/media/mod.ts";
import { full, tidy } from "../../src/torch/mod.ts";
import { withFolder } from "../support/tmp.ts";

const CLIP = new URL("../data/clips/sintel_dunes.mp4", import.meta.url).pathname;
const GEOMETRY = { spatialDivisor: 32, spatialStride: 16, temporalStride: 4, fps: 24 };
const FINGERPRINTS = { video: "v1", text: "t1" };

/** What a start took. */
export interface ItemsResult {
  readonly items: number;
  /** From the scan to the first batch. */
  readonly seconds: number;
  /** Of all threads; on a busy machine this is what can be compared. */
  readonly cpuSeconds: number;
  readonly secondsOfBatch: number;
  /** Resident memory after it, above what it was before. */
  readonly bytes: number;
}

/** Makes `count` items in a folder. @param options.list whether captions come as one list, or as a file for each clip */
export async function makeItems(folder: string, count: number, options: { list: boolean }): Promise<void> {
  const clips = join(folder, "clips");
  Deno.mkdirSync(clips, { recursive: true });
  const lines: string[] = [];
  const cacheDir = join(folder, "cache");
  {
    using facts = new FileFacts(cacheDir);
    const { version } = await findPrograms();
    const clip = fileState(CLIP);
    const probed = await probedInfo(clip, { facts, version, signal: undefined });
    const glance = await knownGlance(probed, { state: clip, facts, signal: undefined });
    const kinds = Object.keys(facts.of(clip));
    const kindOf = (what: string): string => kinds.find((kind) => kind.startsWith(`${what}/`)) ?? "";
    for (let k = 0; k < count; k++) {
      const name = `${String(k).padStart(6, "0")}.mp4`;
      const path = join(clips, name);
      Deno.writeFileSync(path, new Uint8Array(0));
      if (options.list) lines.push(JSON.stringify({ file_name: name, caption: captionOf(k) }));
      else Deno.writeTextFileSync(path.replace(/mp4$/, "txt"), captionOf(k));
      const state = fileState(path);
      const content = sha256(name);
      facts.keep(state, kindOf("probe"), { ...probed, path });
      facts.keep(state, "sha256", content);
      facts.keep(state, kindOf("glance"), { ...glance, hashes: glance?.hashes.map((_, at) => hashOf(content, at)) });
    }
  }
  if (options.list) Deno.writeTextFileSync(join(clips, "captions.jsonl"), lines.join("\n"));
  await makeEntries(folder, count);
}

/** The entries that a first start would make: it is let run to where it says which it will use. */
async function makeEntries(folder: string, count: number): Promise<void> {
  const stop = new AbortController();
  const halted = start(folder, { signal: stop.signal, encodeText: () => (stop.abort(), full([1, 8], 0)) });
  await halted.then((dataset) => dataset[Symbol.dispose](), () => {});
  const uses = join(folder, "cache", "uses");
  const [keys] = [...Deno.readDirSync(uses)].filter(({ name }) => name.endsWith(".keys"));
  const bytes = Buffer.from(Deno.readFileSync(join(uses, keys?.name ?? "")));
  const texts = new Set<string>(Array.from({ length: count }, (_, k) => textKey(k)));
  const cache = new TensorCache(join(folder, "cache"));
  const templates = { latents: template(cache, "latents"), text: template(cache, "text") };
  for (let at = 0; at < bytes.length; at += 32) {
    const key = bytes.toString("hex", at, at + 32);
    const kind = texts.has(key) ? "text" : "latents";
    const path = cache.path(kind, key as ReturnType<typeof textKey>);
    Deno.mkdirSync(join(path, ".."), { recursive: true });
    const entry = templates[kind].bytes.slice();
    entry.set(new TextEncoder().encode(key), templates[kind].keyAt);
    Deno.writeFileSync(path, entry);
  }
}

/** The bytes of an entry, and where its key stands in them. */
function template(cache: TensorCache, kind: "latents" | "text"): { bytes: Uint8Array; keyAt: number } {
  const key = cacheKey(kind, { template: true });
  tidy(() => cache.write(kind, key, kind === "text" ? full([4, 8], 1) : full([1, 4, 2, 2, 2], 1)));
  const bytes = Deno.readFileSync(cache.path(kind, key));
  Deno.removeSync(cache.path(kind, key));
  return { bytes, keyAt: Buffer.from(bytes).indexOf(key) };
}

/** Of one frame: no two files show the same. */
function hashOf(content: string, frame: number): string {
  return sha256(`${content}:${frame}`).slice(0, 16);
}

function captionOf(k: number): string {
  return `clip number ${k}, with a caption of a usual length that says what can be seen and how it moves`;
}

function textKey(k: number): ReturnType<typeof cacheKey> {
  return cacheKey("text", { caption: captionOf(k), encoder: FINGERPRINTS.text });
}

async function start(
  folder: string,
  { looks, ...options }: Partial<PrepareOptions> & { looks?: boolean } = {},
): ReturnType<typeof prepareDataset> {
  const config = dataConfig({
    sources: [{ path: join(folder, "clips") }],
    resolution: 256,
    numFrames: 17,
    captionDropout: 0,
    frames: { strategy: "head" }, // one item a file
    limits: looks === true ? {} : { duplicates: "keep", black: "keep", frozen: "keep" },
  });
  return await prepareDataset(config, {
    ...standIns({ videos: [], captions: [] }),
    geometry: GEOMETRY,
    fingerprints: FINGERPRINTS,
    cacheDir: join(folder, "cache"),
    ...options,
  });
}

/** Times a start. @param options.looks whether it looks for duplicates, black and frozen clips, as it does by default */
export async function timeStart(folder: string, options: { looks: boolean }): Promise<ItemsResult> {
  const before = Deno.memoryUsage().rss;
  const cpuBefore = cpuUsage();
  const startedAt = performance.now();
  const calls = { videos: [], captions: [] };
  using dataset = await start(folder, { ...standIns(calls), ...options });
  const preparedAt = performance.now();
  tidy(() => void dataset.batch(0, { batchSize: 4, seed: 0 }));
  const end = performance.now();
  const cpu = cpuUsage(cpuBefore);
  if (calls.videos.length + calls.captions.length > 0) throw new Error("something was not in the cache");
  return {
    items: dataset.items.length,
    seconds: (end - startedAt) / 1000,
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
    secondsOfBatch: (end - preparedAt) / 1000,
    bytes: Deno.memoryUsage().rss - before,
  };
}

/** What a process took that does nothing but start. */
export interface StartResult extends Omit<ItemsResult, "seconds" | "bytes"> {
  /** From the start of the process to the first batch, Deno and libtorch included. */
  readonly seconds: number;
  /** Of that, from the scan on. */
  readonly secondsOfData: number;
  /** Of the process and its children. */
  readonly cpuSeconds: number;
  /** Most resident memory, that of the program included. */
  readonly peakBytes: number;
}

/** Times a start in a process of its own. */
export async function timeProcess(folder: string, options: { looks: boolean }): Promise<StartResult> {
  const script = new URL("items_start.ts", import.meta.url).pathname;
  const startedAt = Date.now();
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", script, folder, options.looks ? "looks" : ""],
  }).output();
  if (code !== 0) throw new Error(new TextDecoder().decode(stderr));
  const { endedAt, seconds, bytes: _bytes, ...rest } = JSON.parse(new TextDecoder().decode(stdout));
  return { ...rest, seconds: (endedAt - startedAt) / 1000, secondsOfData: seconds };
}

/** How long a start with the most items may take until its first batch, in seconds. */
const LIMIT = 5;
/** Items of the start that stands for the program itself; what others take beyond it is theirs. */
const FEW = 1_000;

/**
 * Starts with many items that are known and encoded, captions in one list or in files. The first one plans, the others
 * take its plan; the fastest of them counts.
 * @returns whether all keep to the limit
 */
export async function benchItems(print: (line: string) => void): Promise<boolean> {
  let holds = true;
  let few: { readonly anew: StartResult; readonly best: StartResult } | undefined;
  for (const [count, list] of [[FEW, true], [25_000, true], [100_000, true], [100_000, false]] as const) {
    await withFolder(async (folder) => {
      await makeItems(folder, count, { list });
      const anew = await timeProcess(folder, { looks: true });
      const others: StartResult[] = [];
      for (let k = 0; k < 4; k++) others.push(await timeProcess(folder, { looks: true }));
      const best = others.reduce((a, b) => a.seconds <= b.seconds ? a : b);
      few ??= { anew, best };
      const name = `${count} items, ${list ? "a list" : "text files"}`;
      print(startLine(`${name}, planned anew`, anew, few.anew));
      print(startLine(`${name}, from the plan`, best, few.best));
      holds &&= best.seconds <= LIMIT;
    });
  }
  return holds;
}

function startLine(name: string, start: StartResult, few: StartResult): string {
  const { items, seconds, secondsOfData, cpuSeconds, peakBytes } = start;
  const each = (peakBytes - few.peakBytes) / (items - few.items);
  const share = items === few.items ? "" : `, ${each.toFixed(0)} bytes for each item more`;
  return `${name.padEnd(42)} ${seconds.toFixed(2)} s to the first batch (${
    secondsOfData.toFixed(2)
  } s from the scan on, ` +
    `processor ${cpuSeconds.toFixed(2)} s); peak ${(peakBytes / 2 ** 20).toFixed(0)} MiB${share}`;
}
