// deno-lint-ignore-file no-console
/**
 * `deno run -A tests/bench/long_file.ts [--windows N] [--frames N]`: half an hour of 1080p as a source. Prints the most memory that this
 * process and its children held while the windows were decoded, beside what it held before.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type FrameSource, prepareDataset } from "../../src/data/mod.ts";
import { type Tensor, zeros } from "../../src/torch/mod.ts";
import { dataConfig, standIns } from "../support/dataset.ts";
import { withFolder } from "../support/tmp.ts";
import { useTorch } from "../support/torch.ts";
import { makeLongClip } from "./frames.ts";

const { values } = parseArgs({
  options: { windows: { type: "string", default: "12" }, frames: { type: "string", default: "49" } },
});
const GEOMETRY = { spatialDivisor: 32, temporalStride: 4, spatialStride: 16, fps: 24 };
const INTERVAL_MS = 100;

await useTorch();
await withFolder(async (folder) => {
  const { long } = makeLongClip(folder);
  Deno.writeTextFileSync(long.replace(/\.mp4$/, ".txt"), "a test picture");
  const frames = { strategy: "chunks", maxWindows: Number(values.windows) };
  const config = dataConfig({
    sources: [{ path: long }],
    resolution: { width: 832, height: 480 },
    numFrames: Number(values.frames),
    frames,
  });
  const before = memoryOf(Deno.pid, "VmRSS");
  let [children, unmapped] = [0, 0];
  const look = (): void => {
    children = Math.max(children, childrenOf(Deno.pid).reduce((sum, pid) => sum + memoryOf(pid, "VmRSS"), 0));
    unmapped = Math.max(unmapped, memoryFiles() - memoryOf(Deno.pid, "RssShmem"));
  };
  const timer = setInterval(look, INTERVAL_MS);
  const from = performance.now();
  using dataset = await prepareDataset(config, {
    geometry: GEOMETRY,
    ...standIns({ videos: [], captions: [] }),
    encodeVideo: takeAll,
    cacheDir: join(folder, "cache"),
  });
  clearInterval(timer);
  const [size, seconds] = [Deno.statSync(long).size / 2 ** 20, (performance.now() - from) / 1000];
  console.log(`${dataset.items.length} windows of a file of ${size.toFixed(0)} MiB in ${seconds.toFixed(1)} s`);
  const own = memoryOf(Deno.pid, "VmHWM");
  const path = own + unmapped + children - before;
  console.log(
    `resident: ${before.toFixed(0)} MiB before, then at most ${own.toFixed(0)} MiB, ` +
      `${unmapped.toFixed(0)} MiB of frames that are still to be taken, and ${children.toFixed(0)} MiB of ffmpeg and ` +
      `ffprobe: ${path.toFixed(0)} MiB for the data path`,
  );
});

/** Asks for a window's frames as a VAE does, and keeps nothing of them. */
function takeAll({ shape, frames }: FrameSource): Tensor {
  const [, , F = 1] = shape;
  for (let start = 0, length = 1; start < F; start += length, length = 4) frames(start, length)[Symbol.dispose]();
  return zeros([1, 1, 1, 1, 1]);
}

/** MiB of the frames that children have written or are writing. */
function memoryFiles(): number {
  const bytes = [...Deno.readDirSync("/proc/self/fd")].map(({ name }) => {
    const path = `/proc/self/fd/${name}`;
    try {
      return Deno.readLinkSync(path).startsWith("/memfd:frames") ? Deno.statSync(path).size : 0;
    } catch {
      return 0; // the one that listed them
    }
  });
  return bytes.reduce((sum, size) => sum + size, 0) / 2 ** 20;
}

/** MiB of a process; 0 if it is gone. */
function memoryOf(pid: number, field: "VmRSS" | "VmHWM" | "RssShmem"): number {
  try {
    const status = Deno.readTextFileSync(`/proc/${pid}/status`);
    return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

function childrenOf(parent: number): number[] {
  const pids = [...Deno.readDirSync("/proc")].map(({ name }) => Number(name)).filter((pid) => pid > 0);
  return pids.filter((pid) => {
    try {
      return Number(Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1]?.split(" ")[1]) === parent;
    } catch {
      return false;
    }
  });
}
