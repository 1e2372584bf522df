/**
 * What `wantune plan` forecasts, held against the runs themselves: each case of the grid is planned and trained by the program as a user
 * would, and what the trainer's process had resident at most, from its start to its end (VmHWM, mapped files included), is the measure.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { eventSchema, type RunEvent } from "../../src/events/mod.ts";
import { wantuneCommand } from "../support/cli.ts";
import { withFolder } from "../support/tmp.ts";
import { CLIP, type Sections } from "../support/workplace.ts";
import { GRID, type GridCase, makeModel } from "./plan_grid.ts";

/** Sections that all cases have unless they say otherwise. */
const LEAST: Sections = {
  model: { device: "cpu" },
  data: { sources: [{ path: CLIP }], resolution: { width: 64, height: 64 }, numFrames: 5, fps: 8, captionDropout: 0 },
  train: { steps: 2, seed: 3 },
  optim: { learningRate: 1e-5, warmupSteps: 0 },
};

/** What the program printed of a plan. */
interface Plan {
  readonly peakBytes: number;
  readonly programBytes: number;
  readonly phases: readonly { readonly name: string; readonly bytes: number }[];
  readonly experts: readonly { readonly secondsPerStep: number }[];
}

/** A case: bytes, and seconds of a step. */
export interface PlanCheck {
  readonly forecast: number;
  readonly measured: number;
  /** The phase that is forecast to take most. */
  readonly phase: string;
  /** What tensors were to hold at most in a step, and held. */
  readonly tensors: { readonly forecast: number; readonly measured: number };
  readonly seconds: { readonly forecast: number; readonly measured: number };
}

/** Plans and trains a case. @param options.folder where models are, or are made, and runs come and go */
export async function checkPlan(one: GridCase, { folder }: { folder: string }): Promise<PlanCheck> {
  const models = join(folder, "models"), work = Deno.makeTempDirSync({ dir: folder, prefix: "run-" });
  mkdirSync(models, { recursive: true });
  try {
    const path = writeConfig(one, { work, weights: makeModel(models, one.model) });
    const plan: Plan = JSON.parse(await output(["plan", path, "--json"], work));
    const { events, measured } = await trained(path, work);
    const steps = events.filter((event) => event.type === "step");
    const bytesOf = (name: string): number => plan.phases.find((phase) => phase.name === name)?.bytes ?? NaN;
    const [largest] = plan.phases.toSorted((a, b) => b.bytes - a.bytes);
    return {
      ...{ forecast: plan.peakBytes, measured, phase: largest?.name ?? "" },
      tensors: {
        forecast: bytesOf("training") - plan.programBytes,
        measured: Math.max(...steps.map(({ memory }) => memory.devicePeakBytes ?? NaN)),
      },
      seconds: {
        forecast: Math.max(...plan.experts.map(({ secondsPerStep }) => secondsPerStep)),
        measured: Math.min(...steps.map(({ seconds }) => seconds)),
      },
    };
  } finally {
    Deno.removeSync(work, { recursive: true });
  }
}

function writeConfig(one: GridCase, { work, weights }: { work: string; weights: string }): string {
  const names = new Set([...Object.keys(LEAST), ...Object.keys(one.sections)]);
  const merged = Object.fromEntries([...names].map((name) => [name, { ...LEAST[name], ...one.sections[name] }]));
  const text = {
    ...merged,
    model: { ...merged.model, weights },
    data: { ...merged.data, cache: { dir: join(work, "cache") } },
  };
  const path = join(work, "run.jsonc");
  Deno.writeTextFileSync(path, JSON.stringify({ name: "run", ...text }));
  return path;
}

/** Small steps beside other programs lose much time to threads that spin. */
const ENV = { OMP_WAIT_POLICY: "passive" };

async function output(args: readonly string[], cwd: string): Promise<string> {
  const command = wantuneCommand(args, { cwd, env: ENV, stdin: "null", stdout: "piped", stderr: "inherit" });
  const { success, stdout } = await command.output();
  if (!success) throw new Error(`wantune ${args.join(" ")} failed`);
  return new TextDecoder().decode(stdout);
}

/** Trains a config and watches what the process takes. */
async function trained(path: string, cwd: string): Promise<{ events: RunEvent[]; measured: number }> {
  const options = { cwd, env: ENV, stdin: "null", stdout: "piped", stderr: "inherit" } as const;
  const child = wantuneCommand(["train", path, "--json"], options).spawn();
  let measured = 0;
  const timer = setInterval(() => measured = Math.max(measured, residentPeak(child.pid)), 10);
  const { success, stdout } = await child.output();
  clearInterval(timer);
  if (!success) throw new Error(`training ${path} failed`);
  const lines = new TextDecoder().decode(stdout).trimEnd().split("\n");
  return { events: lines.map((line) => eventSchema.parse(JSON.parse(line))), measured };
}

/** The most that a process had resident until now; the kernel keeps it. */
function residentPeak(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1] ?? 0) * 1024;
  } catch {
    return 0; // it has just ended
  }
}

/** How far a forecast may be off. */
export const TOLERANCE = 0.1;

/** A case's line, and whether the forecast holds. */
function planLine(name: string, check: PlanCheck): { line: string; holds: boolean } {
  const { forecast, measured, phase, tensors, seconds } = check;
  const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(0).padStart(6);
  const ratio = forecast / measured, holds = Math.abs(ratio - 1) <= TOLERANCE;
  const figures = [forecast, measured].map(mebibytes).join(" ");
  const inSteps = [tensors.forecast, tensors.measured].map(mebibytes).join(" ");
  const times = [seconds.forecast, seconds.measured].map((value) => value.toFixed(2).padStart(6)).join(" ");
  const verdict = holds ? "ok" : "OFF BY MORE THAN 10 %";
  return {
    line: `${name.padEnd(38)} ${figures}  ${ratio.toFixed(3)} ${phase.padEnd(10)} ${inSteps}  ${times}  ${verdict}`,
    holds,
  };
}

/**
 * Goes through the grid, a line each.
 * @param options.folder keeps the models for the next time; a passing one if absent @param options.cases what their names must have
 * @returns whether all hold
 */
export async function benchPlan(
  { folder, cases, say }: { folder: string | undefined; cases: string; say: (line: string) => void },
): Promise<boolean> {
  if (folder === undefined) return await withFolder((passing) => benchPlan({ folder: passing, cases, say }));
  say(HEADING);
  let all = true;
  for (const one of GRID.filter(({ name }) => name.includes(cases))) {
    const { line, holds } = planLine(one.name, await checkPlan(one, { folder }));
    say(line);
    all &&= holds;
  }
  return all;
}

/** What the columns are. */
const HEADING = `${
  "MiB".padEnd(38)
} plan, resident peak, ratio, phase; tensors in a step: plan, peak; seconds a step: plan, least`;
