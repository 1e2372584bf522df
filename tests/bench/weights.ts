/** Loading a safetensors file that is already in the system's cache: mapped, read, and read with a cast. */
import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { cacheHome, makeFolder } from "../../src/base/mod.ts";
import { ones, type Tensor, tidy } from "../../src/torch/mod.ts";
import { SafetensorsFile, saveSafetensors } from "../../src/weights/mod.ts";
import { median, secondsEach } from "./measure.ts";

/** GB a second of one way of loading. */
export interface Speed {
  readonly name: string;
  readonly gigabytesPerSecond: number;
}

/** Loads 64 tensors of 4 MiB in each way. Mapped tensors are summed, since mapping alone reads nothing. */
export function benchWeights(rounds: number): Speed[] {
  const folder = makeFolder(join(cacheHome(), `bench-${Deno.pid}`));
  const path = join(folder, "weights.safetensors");
  try {
    tidy(() => {
      const one = ones([1024, 1024]);
      saveSafetensors(path, new Map(Array.from({ length: 64 }, (_, i) => [`blocks.${i}.weight`, one])));
    });
    const gigabytes = statSync(path).size / 1e9;
    const each = (load: (file: SafetensorsFile, name: string) => Tensor) => (): void => {
      using file = SafetensorsFile.open(path);
      for (const name of file.entries.keys()) load(file, name)[Symbol.dispose]();
    };
    const ways: Record<string, () => void> = {
      "safetensors, mapped": each((file, name) => file.mapped(name)),
      "safetensors, mapped and summed": each((file, name) => tidy(() => file.mapped(name).sum())),
      "safetensors, read": each((file, name) => file.read(name)),
      "safetensors, read as bfloat16": each((file, name) => file.read(name, { dtype: "bfloat16" })),
    };
    return Object.entries(ways).map(([name, load]) => {
      load();
      const seconds = median(Array.from({ length: rounds }, () => secondsEach(1, load)));
      return { name, gigabytesPerSecond: gigabytes / seconds };
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
