/** `wantune bench [step]`: how fast this machine trains. */

import { type Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import type { StepReport } from "../bench/report.ts";
import type { StepShape } from "../bench/shape.ts";
import { printLine } from "../output.ts";
import { columns } from "../table.ts";

/** Adds the command. */
export function register(program: Command): void {
  const bench = program.command("bench")
    .description(
      "Time training steps of synthetic models: seconds, tokens a second, utilisation, peak memory. No weights are needed.",
    )
    .addOption(
      new Option("--sizes <names>", "which, between commas: tiny, mid, ti2v-5b, a14b; the last two are real size")
        .default(["tiny", "mid"], "tiny,mid").argParser((text) => text.split(",")),
    );
  workOptions(bench).action(async (options) => {
    const { NAMED_SIZES } = await import("../bench/shape.ts");
    const { ConfigError } = await import("../../base/mod.ts");
    const shapes = options.sizes.map((size): [string, StepShape] => {
      const numbers = NAMED_SIZES[size];
      if (numbers === undefined) {
        throw new ConfigError(`Cannot time a model of size "${size}".`, {
          cure: `choose among ${Object.keys(NAMED_SIZES).join(", ")}`,
        });
      }
      return [size, { ...numbers, ...workOf(options) }];
    });
    const rows = [HEADINGS];
    for (const [size, shape] of shapes) {
      const report = await measure(shape, options);
      if (options.json) printLine(JSON.stringify({ size, ...report }));
      else rows.push([size, ...cells(report)]);
    }
    if (!options.json) { for (const line of columns(rows)) printLine(line); }
  });

  const step = bench.command("step")
    .description(
      "Time one model of any size, so that other programs can be timed beside it on the same work: specs/bench.md.",
    )
    .addOption(number("--dim <width>", "width", 1024))
    .addOption(number("--layers <count>", "blocks", 8))
    .addOption(number("--heads <count>", "attention heads", 8))
    .addOption(number("--ffn <width>", "width of the feed-forward", 4096))
    .addOption(
      new Option("--grid <FxHxW>", "tokens along latent frames, rows and columns")
        .default([5, 12, 26] as const, "5x12x26").argParser(grid),
    );
  workOptions(step).action(async (options) => {
    const { dim, layers, heads, ffn, grid } = options;
    const report = await measure({ dim, layers, heads, ffn, grid, ...workOf(options) }, options);
    if (options.json) return printLine(JSON.stringify(report));
    const { loss } = report.steps.at(-1) ?? { loss: NaN };
    for (const line of columns([["", ...HEADINGS.slice(1), "loss"], ["", ...cells(report), loss.toFixed(6)]])) {
      printLine(line.trimStart());
    }
  });
}

interface WorkOptions {
  readonly dtype: "fp32" | "bf16";
  readonly method: StepShape["method"];
  readonly rank: number;
  readonly recompute: "on" | "off";
}

interface MeasureOptions {
  readonly device: string;
  readonly steps: number;
  readonly weights: "resident" | "streamed";
  readonly deterministic: "on" | "off";
  readonly threads?: number | undefined;
  readonly libtorch?: string | undefined;
}

/** The options that a whole table and a single step share. */
// deno-lint-ignore explicit-function-return-type -- the builder's type tells which options the action gets
function workOptions<A extends unknown[], O extends Record<string, unknown>>(command: Command<A, O>) {
  return command
    .addOption(new Option("--dtype <type>", "number type").choices(["fp32", "bf16"] as const).default("fp32" as const))
    .addOption(
      new Option("--method <name>", "what is trained").choices(["lora", "full"] as const).default("lora" as const),
    )
    .addOption(number("--rank <count>", "rank of the LoRA", 32))
    .addOption(
      new Option("--recompute <on|off>", "make each block's graph anew in backward").choices(["on", "off"] as const)
        .default("off" as const),
    )
    .option("--device <name>", "cpu or cuda:N; auto takes a card where there is one", "auto")
    .addOption(
      new Option(
        "--weights <place>",
        "where the blocks' weights wait: streamed brings them from host memory in their turn",
      )
        .choices(["resident", "streamed"] as const).default("resident" as const),
    )
    .addOption(
      new Option("--deterministic <on|off>", "on a card, the same bits each time").choices(["on", "off"] as const)
        .default("on" as const),
    )
    .addOption(number("--steps <count>", "steps that count, after one that warms up", 5))
    .addOption(new Option("--threads <count>", "host threads; all cores unless given").argParser(count))
    .option("--libtorch <folder>", "use the libtorch in this folder")
    .option("--json", "print one JSON object a model, with every step's loss");
}

function workOf({ dtype, method, rank, recompute }: WorkOptions): Pick<
  StepShape,
  "dtype" | "method" | "rank" | "recompute"
> {
  return { dtype: dtype === "bf16" ? "bfloat16" : "float32", method, rank, recompute: recompute === "on" };
}

async function measure(shape: StepShape, options: MeasureOptions): Promise<StepReport> {
  const { openLibtorch } = await import("../torch.ts");
  const { transformerOf } = await import("../bench/shape.ts");
  const { ConfigError } = await import("../../base/mod.ts");
  transformerOf(shape); // what cannot be is said before libtorch is opened
  const { libtorch, threads = navigator.hardwareConcurrency, steps } = options;
  await openLibtorch({ libtorch, threads });
  const { resolveDevice } = await import("../../train/mod.ts");
  const { measureShape } = await import("../bench/report.ts");
  const { weights } = options, deterministic = options.deterministic === "on";
  if (weights === "streamed" && shape.method === "full") {
    throw new ConfigError("Cannot stream the weights of a model that is trained.", { cure: "add --method lora" });
  }
  if (weights === "streamed" && !shape.recompute) {
    throw new ConfigError("Cannot keep the graph of a block whose weights are streamed.", {
      cure: "add --recompute on",
    });
  }
  return measureShape(shape, { device: resolveDevice(options.device), threads, steps, weights, deterministic });
}

const HEADINGS = ["size", "s/step", "tokens/s", "TFLOP/s", "utilisation", "peak memory"];

function cells({ secondsPerStep, tokensPerSecond, flopsPerSecond, utilisation, peakBytes }: StepReport): string[] {
  return [
    secondsPerStep.toPrecision(4),
    tokensPerSecond.toFixed(0),
    (flopsPerSecond / 1e12).toPrecision(3),
    `${(100 * utilisation).toFixed(0)} %`,
    `${(peakBytes / 2 ** 30).toFixed(2)} GiB`,
  ];
}

function number<F extends string>(flags: F, about: string, value: number): Option<F, undefined, number, number> {
  return new Option(flags, about).default(value).argParser(count) as Option<F, undefined, number, number>;
}

function count(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError("It must be a whole number from 1.");
  return value;
}

function grid(text: string): [number, number, number] {
  const sides = text.split("x").map(count);
  if (sides.length !== 3) throw new InvalidArgumentError("It must be three numbers, such as 5x12x26.");
  return sides as [number, number, number];
}
