/** How long a batch takes from the cache: entries of the size of TI2V-5B at 704 x 704 x 49, read anew and from memory. */
import { join } from "node:path";
import { type CacheKey, cacheKey, TensorCache } from "../../src/data/cache.ts";
import { packKeys } from "../../src/data/key_columns.ts";
import { Dataset, ItemTable } from "../../src/data/mod.ts";
import { textKey, TextKeys } from "../../src/data/text_keys.ts";
import { CacheUse } from "../../src/data/uses.ts";
import { sha256 } from "../../src/base/mod.ts";
import { full, tidy } from "../../src/torch/mod.ts";
import { median } from "./measure.ts";

const LATENTS = [1, 48, 13, 44, 44];
/** A caption of 120 tokens. */
const TEXT = [120, 4096];
const ITEMS = 12;
const ENCODER = "t1";

/** Milliseconds of a batch of one item. */
export interface BatchTimes {
  /** From the disk. */
  readonly cold: number;
  /** Read ahead while something else was computed. */
  readonly ahead: number;
  /** In memory already. */
  readonly warm: number;
  /** What reading ahead takes of this thread. */
  readonly starting: number;
  readonly bytes: number;
}

/** Times batches in a folder on the disk that is to be measured. */
export async function benchBatches(folder: string, rounds: number): Promise<BatchTimes> {
  const cache = new TensorCache(folder);
  const texts: CacheKey[] = [];
  const files = Array.from({ length: ITEMS }, (_, k) => {
    const latentsKey = cacheKey("latents", { k });
    const caption = `caption ${k}`;
    const text = textKey(caption, ENCODER);
    tidy(() => {
      cache.write("latents", latentsKey, full(LATENTS, k));
      cache.write("text", text, full(TEXT, k));
    });
    texts.push(text);
    const item = { frames: 49, fps: 24, speed: 1, width: 704, height: 704, latentsKeys: [latentsKey] };
    const file = { path: `${k}.mp4`, content: sha256(caption), captions: [caption], repeats: 1, weight: 1 };
    return { file, items: [item] };
  });
  using dataset = new Dataset(ItemTable.of(files), {
    rejected: [],
    cache,
    texts: new TextKeys(packKeys(texts.sort()), ENCODER),
    use: await CacheUse.begin(folder, new Uint8Array()),
  });
  const options = { batchSize: 1, seed: 0 };
  const read = (index: number): number => {
    const start = performance.now();
    tidy(() => void dataset.batch(index, options));
    return performance.now() - start;
  };
  const times = { cold: [] as number[], ahead: [] as number[], warm: [] as number[], starting: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    for (let index = 0; index < ITEMS; index++) {
      dropFromMemory(folder);
      times.cold.push(read(index));
      times.warm.push(read(index));
      dropFromMemory(folder);
      const start = performance.now();
      const ahead = dataset.prefetch(index, options);
      times.starting.push(performance.now() - start);
      for (const until = performance.now() + 300; performance.now() < until;); // a step, which blocks this thread
      times.ahead.push(read(index));
      await ahead;
    }
  }
  const bytes = 4 * (LATENTS.reduce((a, b) => a * b) + TEXT.reduce((a, b) => a * b));
  const { cold, ahead, warm, starting } = times;
  return { cold: median(cold), ahead: median(ahead), warm: median(warm), starting: median(starting), bytes };
}

/** Makes the system forget what it holds of the files in a folder. */
function dropFromMemory(folder: string): void {
  for (const kind of ["latents", "text"]) {
    for (const { name } of Deno.readDirSync(join(folder, kind))) {
      for (const entry of Deno.readDirSync(join(folder, kind, name))) {
        const args = [
          `of=${join(folder, kind, name, entry.name)}`,
          "oflag=nocache",
          "conv=notrunc,fdatasync",
          "count=0",
        ];
        new Deno.Command("dd", { args, stderr: "null" }).outputSync();
      }
    }
  }
}
