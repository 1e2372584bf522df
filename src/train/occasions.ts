/** What a run does between steps once in a while: validating, saving, sampling. */
import { join } from "node:path";
import type { Emit } from "../events/mod.ts";
import { type RunFolder, wholeCheckpoints } from "../runs/mod.ts";
import { useAverages } from "./average.ts";
import { pruneCheckpoints, saveCheckpoint, type TrainState } from "./checkpoint.ts";
import { isDue } from "./due.ts";
import { type Journal, rememberValidation } from "./journal.ts";
import { saveOutputs } from "./outputs.ts";
import { hasSamples, type MadeSample, makeSamples } from "./sample.ts";
import type { Session } from "./setup.ts";
import { measure } from "./validate.ts";

/** What the occasions of a run need. */
export interface OccasionOptions {
  readonly folder: RunFolder;
  readonly emit: Emit;
  readonly state: TrainState;
  readonly journal: Journal;
  readonly numSteps: number;
  readonly stepsPerEpoch: number;
  readonly onSample: (made: MadeSample) => void;
  readonly signal?: AbortSignal | undefined;
}

/** The occasions of one process. Each happens once at a step, however often it is asked for. */
export class Occasions {
  readonly #session: Session;
  readonly #options: OccasionOptions;
  #savedStep: number | undefined;
  #savedAt = performance.now();
  #sampledStep: number | undefined;

  /** @param options.first the step of the checkpoint that the run goes on from; 0 where it begins */
  constructor(session: Session, options: OccasionOptions & { first: number }) {
    this.#session = session;
    this.#options = options;
    if (options.first > 0) this.#savedStep = options.first;
  }

  /** What is due before the first step of this process, and was not done by the one before. */
  async begin(step: number): Promise<void> {
    const { folder, journal } = this.#options;
    const { sample } = this.#session.config;
    if (journal.validation?.step !== step) await this.#validateIfDue(step);
    const made = step > 0 && hasSamples(folder.samplesDir, { step, count: sample?.prompts.length ?? 0 });
    if (!made) await this.#sampleIfDue(step);
  }

  /** What is due after a step. */
  async after(step: number): Promise<void> {
    const { save } = this.#session.config;
    const { numSteps } = this.#options;
    const best = await this.#validateIfDue(step);
    const minutes = (performance.now() - this.#savedAt) / 60_000;
    if (best || step === numSteps || this.#isDue(step, save) || minutes >= (save.everyMinutes ?? Infinity)) {
      this.checkpoint(step);
    }
    await this.#sampleIfDue(step);
  }

  /** That validation has found nothing better for as long as the config has patience, in words; undefined where it has. */
  get staleness(): string | undefined {
    const patience = this.#session.config.validation?.patience ?? Infinity;
    const { stale = 0, best } = this.#options.journal.validation ?? {};
    if (stale < patience || best === undefined) return undefined;
    const measured = stale === 1 ? "1 measurement was" : `${stale} measurements in a row were`;
    return `${measured} no better than that of step ${best.step} (validation.patience)`;
  }

  /** Writes a checkpoint, and removes those that need not stay. */
  checkpoint(step: number): void {
    if (this.#savedStep === step) return;
    const { folder, emit, state, journal } = this.#options;
    const { dataset, config: { save } } = this.#session;
    const { configHash } = folder;
    const saved = saveCheckpoint(folder.checkpointsDir, {
      ...{ step, configHash, dataFingerprint: dataset.fingerprint, journal, state },
    });
    const best = journal.validation?.best?.step;
    pruneCheckpoints(wholeCheckpoints(folder.checkpointsDir), { ...save, best });
    this.#savedStep = step;
    this.#savedAt = performance.now();
    emit({ type: "checkpoint", step, ...saved });
    if (!save.intermediate || step === 0 || step === this.#options.numSteps) return;
    const place = join(folder.outputsDir, `step-${String(step).padStart(8, "0")}`);
    using _ = useAverages(this.#session.trainees);
    emit({ type: "outputs", paths: saveOutputs(this.#session, { folder: place, taken: journal.taken ?? {} }) });
  }

  /** Makes the samples that the config asks for; a stop cuts it short. */
  async sample(step: number): Promise<void> {
    if (this.#sampledStep === step) return;
    this.#sampledStep = step;
    const { folder, emit, onSample, signal } = this.#options;
    using _ = useAverages(this.#session.trainees);
    await unlessStopped(
      signal,
      () => makeSamples(this.#session, { step, folder: folder.samplesDir, emit, onSample, signal }),
    );
  }

  async #sampleIfDue(step: number): Promise<void> {
    const { sample } = this.#session.config;
    if (sample !== undefined && (this.#isDue(step, sample) || step === this.#options.numSteps)) await this.sample(step);
  }

  /** @returns whether it was measured and is the best so far */
  async #validateIfDue(step: number): Promise<boolean> {
    const { heldOut, trainees, config: { validation } } = this.#session;
    const { emit, journal, signal, numSteps } = this.#options;
    if (validation === undefined || heldOut === undefined) return false;
    if (!this.#isDue(step, validation) && step !== numSteps) return false;
    const from = performance.now();
    emit({ type: "stage", stage: "validating", done: 0, total: 1 });
    using _ = useAverages(trainees);
    const measured = await unlessStopped(
      signal,
      () => measure(this.#session, { heldOut, validation, breathe, signal }),
    );
    if (measured === undefined) return false;
    emit({ type: "stage", stage: "validating", done: 1, total: 1 });
    const best = rememberValidation(journal, { step, loss: measured.loss });
    emit({ type: "validation", step, best, ...measured, seconds: (performance.now() - from) / 1000 });
    return best;
  }

  #isDue(step: number, interval: Parameters<typeof isDue>[1]): boolean {
    return isDue(step, interval, this.#options);
  }
}

/** Lets signals and timers through: native calls block the event loop. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Whether an error says no more than that a stop was wished. */
export function isStop(error: unknown, signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true && error === signal.reason;
}

/** What a piece of work gives, or undefined when a stop cut it short: the stop itself is seen to between steps. */
async function unlessStopped<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!isStop(error, signal)) throw error;
    return undefined;
  }
}
