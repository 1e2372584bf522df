// deno-lint-ignore-file no-console
/**
 * `deno task bench [op|block|step|weights|frames ...] [--rounds N] [--threads N] [--sizes tiny,mid] [--dtypes float32]
 * [--methods lora,full] [--recompute off,on]`: speed on this machine, or of steps on a card with `--device cuda:0`; `--cpu` takes processor time for steps and frames,
 * for a busy machine. Where `python3` has PyTorch, the same work runs in eager Python in turns with ours, and the ratios
 * are what counts: a machine that has other things to do slows both. Ends with 1 where frames come slower than they must.
 * `plan [--folder DIR] [--cases WORDS]` holds `wantune plan` against the memory of runs, half an hour in all.
 */
import { parseArgs } from "node:util";
import { findLibtorch, shimFor } from "../../src/setup/mod.ts";
import { type Device, libtorchMinor, ones, openTorch } from "../../src/torch/mod.ts";
import { withFolder } from "../support/tmp.ts";
import { BlockBench, type BlockShape, blockWeights } from "./block.ts";
import { benchBatches } from "./batches.ts";
import { benchFrames, keepsLimit, reportFrames } from "./frames.ts";
import { benchItems } from "./items.ts";
import { compare, report, secondsEach } from "./measure.ts";
import { benchPlan } from "./plan.ts";
import { PythonTorch } from "./python.ts";
import type { StepShape } from "../../src/cli/bench/shape.ts";
import { compareSteps, stepShapes } from "./step.ts";
import { benchWeights } from "./weights.ts";

const { values, positionals } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "9" },
    threads: { type: "string" },
    cpu: { type: "boolean", default: false },
    sizes: { type: "string", default: "tiny,mid" },
    folder: { type: "string" },
    cases: { type: "string", default: "" },
    dtypes: { type: "string", default: "float32,bfloat16" },
    methods: { type: "string", default: "lora,full" },
    recompute: { type: "string", default: "off,on" },
    device: { type: "string", default: "cpu" },
  },
});
const rounds = Number(values.rounds);
const threads = Number(values.threads ?? navigator.hardwareConcurrency);
const wanted = (part: string): boolean => positionals.length === 0 || positionals.includes(part);

/** The demo's model on the demo's clips, and one in the middle between that and the real thing. */
const BLOCKS: Record<string, BlockShape> = {
  "demo block": { batch: 4, tokens: 48, textTokens: 512, width: 192, heads: 6, ffn: 512 },
  "mid block": { batch: 1, tokens: 512, textTokens: 512, width: 512, heads: 8, ffn: 2048 },
};

/** How much slower than Python is too slow. */
const LIMITS = { op: 0.75, block: 1.05, step: 1 };

async function benchOp(python: PythonTorch | undefined): Promise<void> {
  const count = 20_000;
  using a = ones([1]);
  using b = ones([1]);
  const ours = (): number => secondsEach(count, () => a.add(b)[Symbol.dispose]());
  const theirs = python && (async (): Promise<number> => (await python.ask({ what: "op", count })).seconds);
  console.log(report("add of one element", await compare(3 * rounds, { ours, theirs }), LIMITS.op));
}

async function benchBlock(python: PythonTorch | undefined, name: string): Promise<void> {
  const size = BLOCKS[name] as BlockShape;
  const shape = { ...size, weights: blockWeights(size) };
  using bench = new BlockBench(size);
  const first = secondsEach(3, () => bench.run());
  const count = Math.max(1, Math.ceil(0.2 / first));
  const check = bench.check();
  const theirs = python && (async (): Promise<number> => {
    const answer = await python.ask({ what: "block", count, shape });
    const off = check.findIndex((norm, i) => !(Math.abs(norm / (answer.check?.[i] ?? NaN) - 1) < 1e-3));
    if (off >= 0) throw new Error(`${name}: value ${off} is ${check[off]} here and ${answer.check?.[off]} in Python`);
    return answer.seconds;
  });
  const ours = (): number => secondsEach(count, () => bench.run());
  console.log(report(`${name}, forward and backward`, await compare(rounds, { ours, theirs }), LIMITS.block));
}

async function benchSteps(python: PythonTorch | undefined): Promise<void> {
  const device = values.device as Device;
  const dtypes = values.dtypes.split(",") as StepShape["dtype"][];
  const methods = values.methods.split(",") as StepShape["method"][];
  const recompute = values.recompute.split(",").map((word) => word === "on");
  for (const size of values.sizes.split(",")) {
    for (const shape of stepShapes([size], { dtypes, methods, recompute })) {
      const { dtype, method, recompute } = shape;
      const name = `${size} step, ${method}, ${dtype}${recompute ? ", recompute" : ""}`;
      console.log(
        report(name, await compareSteps(shape, { rounds, python, device, cpuTime: values.cpu }), LIMITS.step),
      );
    }
  }
}

// Started first: Python runs with the environment as it is, before libtorch is opened here.
const python = await PythonTorch.start({ threads, device: values.device });
const { dir, version } = await findLibtorch();
const minor = libtorchMinor(dir);
openTorch({ libtorch: dir, shim: await shimFor(dir, { minor }), torchMinor: minor, threads });
console.log(
  `libtorch ${version}, ${threads} threads; ` + (python ? `Python's torch ${python.version}` : "no PyTorch for Python"),
);
console.log(
  `${"".padEnd(34)} ${"ours".padStart(10)} ${python ? "Python".padStart(12) : ""}   ${python ? "ratio" : ""}`,
);
try {
  if (wanted("op")) await benchOp(python);
  if (wanted("block")) { for (const name of Object.keys(BLOCKS)) await benchBlock(python, name); }
  if (wanted("step")) await benchSteps(python);
  if (wanted("weights")) {
    for (const { name, gigabytesPerSecond } of benchWeights(rounds)) {
      console.log(`${name.padEnd(34)} ${gigabytesPerSecond.toFixed(2).padStart(7)} GB/s`);
    }
  }
  if (wanted("frames")) {
    await withFolder(async (folder) => {
      console.log(`${"".padEnd(34)} ${"ours".padStart(10)} ${"ffmpeg".padStart(12)}   throughput`);
      for await (const bench of benchFrames(rounds, { folder, cpuTime: values.cpu })) {
        console.log(reportFrames(bench));
        if (!keepsLimit(bench)) Deno.exitCode = 1;
      }
    });
  }
  if (positionals.includes("batches")) {
    await withFolder(async (folder) => console.log(await benchBatches(folder, rounds)));
  }
  if (positionals.includes("items") && !await benchItems((line) => console.log(line))) Deno.exitCode = 1;
  if (positionals.includes("plan")) {
    const { folder, cases } = values;
    if (!await benchPlan({ folder, cases, say: console.log })) Deno.exitCode = 1;
  }
} finally {
  await python?.[Symbol.asyncDispose]();
}
