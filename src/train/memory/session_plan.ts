/** The memory plans of a run that is set up, one for each expert, and what the user is told of them. */
import { formatBytes, messageOf, type OutOfMemory } from "../../base/mod.ts";
import type { RunConfig, SettledConfig } from "../../config/mod.ts";
import type { Dataset } from "../../data/mod.ts";
import type { Emit } from "../../events/mod.ts";
import type { Device, DType } from "../../torch/mod.ts";
import type { Expert, ModelSource } from "../../wan/mod.ts";
import { configOf } from "../experts.ts";
import type { TextSide } from "../text_side.ts";
import { standingBytes, withBlankTrainee } from "./blank_trainee.ts";
import { tokensOf } from "./forecast.ts";
import { planEvent, PlanInForce, type PlannedModel, planText } from "./in_force.ts";
import type { BatchShape } from "./measure.ts";
import { forecastText } from "./text_side.ts";
import { measureUpdate } from "./update.ts";

/** A run whose experts are planned, in the order in which they are loaded. */
export interface PlannedSession {
  readonly experts: readonly Expert[];
  readonly takesTurns: boolean;
  readonly config: SettledConfig;
  readonly dataset: Dataset;
  readonly models: ModelSource;
  readonly text: TextSide | undefined;
  readonly device: Device;
  readonly dtype: DType;
  readonly emit: Emit;
}

/** Plans for experts as they come. */
export interface ExpertPlans {
  /** Plans the memory of an expert that is loaded, and tells it. @throws {ConfigError} if the config asks for what cannot be */
  plan(expert: Expert, planned: PlannedModel): PlanInForce;
  /** Tells that memory ran out and what the plan is now. */
  tellShrunk(expert: Expert, found: { memory: PlanInForce; error: OutOfMemory }): void;
}

/** Plans a run's experts. */
export function planExperts(session: PlannedSession): ExpertPlans {
  const { config, emit, text } = session;
  const textBytes = text === undefined ? 0 : captionBytes(text, session);
  return {
    plan: (expert, planned) => planMemory(planned, { ...session, expert, textBytes }),
    tellShrunk: (expert, { memory, error }) => {
      tellPlan(memory, { config, expert, emit });
      emit({
        type: "warning",
        message: `memory ran out (${messageOf(error)}); the step is made again with less: ${
          planText(memory.choice.plan)
        }`,
        cure: "set memory.budgetGiB to what the run may take, so that it starts so",
      });
    },
  };
}

function planMemory(
  planned: PlannedModel,
  { expert, textBytes, ...session }: PlannedSession & { expert: Expert; textBytes: number },
): PlanInForce {
  const { dataset, models, device, dtype, emit } = session;
  const config = configOf(session.config, expert);
  const { memory, train } = config;
  const inForce = PlanInForce.measured(planned, {
    ...{ memory, device, dtype, textBytes, accumulation: train.gradientAccumulation },
    batch: batchShape(train, { numTokens: largestClip(dataset, models) }),
    updateBytes: measureUpdate(planned.trained, { config, device }),
    missingBytes: bytesToCome(expert, session),
  });
  tellPlan(inForce, { config, expert, emit });
  const { fits, peakBytes } = inForce.choice;
  if (!fits) {
    const [peak, budget] = [peakBytes, inForce.budgetBytes ?? 0].map(formatBytes);
    emit({
      type: "warning",
      message: `a step is expected to take ${peak}, more than the ${budget} that the run may take`,
      cure: "use a smaller resolution, fewer frames, a smaller batch or model.quantization",
    });
  }
  return inForce;
}

/** Bytes of the experts behind this one, which are not loaded yet and will stay beside it. */
function bytesToCome(
  expert: Expert,
  { experts, config, models, text, takesTurns, device, dtype }: Omit<PlannedSession, "dataset" | "emit">,
): number {
  const textParams = new Map([...text?.params ?? []].map(([name, { shape }]) => [name, shape]));
  return experts.slice(experts.indexOf(expert) + 1).reduce((sum, other) => {
    const blank = { models, expert: other, config: configOf(config, other), textParams, device, dtype };
    return sum + withBlankTrainee(blank, ({ sizes }) => standingBytes(sizes, { takesTurns }));
  }, 0);
}

/** Tells a plan, and what is slow in it. */
function tellPlan(
  inForce: PlanInForce,
  { config, expert, emit }: { config: RunConfig; expert: Expert; emit: Emit },
): void {
  emit(planEvent(inForce, expert));
  if (!inForce.quantizesMapped) return;
  const { quantization } = config.model;
  emit({
    type: "warning",
    message: `weights that are mapped are quantised to ${quantization} anew at each turn of their block, which is slow`,
    cure: 'set memory.weights to "resident", or on a card to "streamed", with a memory.budgetGiB that holds them; or ' +
      (quantization === "fp8"
        ? "convert the transformer to fp8_scaled, which is used as it is"
        : 'model.quantization to "none"'),
  });
}

/** What encoding the captions of a micro-step takes, where the text encoder is trained along. */
function captionBytes(
  text: TextSide,
  { config, dataset, models, device }: PlannedSession,
): number {
  const texts = new Set<string>();
  for (const { captions } of dataset.items) for (const caption of captions) texts.add(caption);
  const numTokens = texts.values().reduce((most, caption) => Math.max(most, text.countTokens(caption)), 1);
  return forecastText(config, { models, numTokens, device }).stepBytes;
}

/** What a step computes with, for its plan. */
export function batchShape(
  { batchSize, imageConditioning }: SettledConfig["train"],
  { numTokens }: { numTokens: number },
): BatchShape {
  return { batchSize, numTokens, perToken: imageConditioning > 0 };
}

/** Tokens of the largest clip. */
function largestClip(dataset: Dataset, models: ModelSource): number {
  let most = 0;
  for (const { width, height, frames } of dataset.items.sizes()) {
    most = Math.max(most, tokensOf({ width, height, numFrames: frames }, models));
  }
  return most;
}
