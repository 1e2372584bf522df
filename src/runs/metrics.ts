/** The numbers of a run under fixed names, as tables, files and curves show them. */

import type { EventOf, RunEvent } from "../events/mod.ts";

/** Parts into which noise levels fall. */
const BINS = 10;

/**
 * The numbers of a step: `loss` and its kin; `loss.high` or `loss.low` where there are two experts; `loss.sigma.3` for the
 * clips at noise levels from 0.3 to below 0.4; `times.data` and so on.
 */
function stepMetrics(event: EventOf<"step">): Map<string, number> {
  const { epoch, loss, gradNorm, learningRate, seconds, samplesPerSecond, tokensPerSecond, flops, utilisation } = event;
  const metrics = numbers({
    ...{ epoch, loss, gradNorm, learningRate, seconds, samplesPerSecond, tokensPerSecond, flops, utilisation },
    ...event.memory,
  });
  if (event.expert !== undefined) metrics.set(`loss.${event.expert}`, loss);
  const bins = Map.groupBy(event.clips ?? [], ({ sigma }) => Math.min(BINS - 1, Math.floor(sigma * BINS)));
  for (const [bin, clips] of bins) {
    metrics.set(`loss.sigma.${bin}`, clips.reduce((sum, clip) => sum + clip.loss, 0) / clips.length);
  }
  for (const [part, time] of Object.entries(event.times ?? {})) metrics.set(`times.${part}`, time);
  return metrics;
}

/** The numbers of a measurement: `validation.loss`, of each of two experts, and at each noise level: `validation.sigma.0.25`. */
function validationMetrics(event: EventOf<"validation">): Map<string, number> {
  const metrics = new Map([["validation.loss", event.loss]]);
  for (const { expert, loss, sigmas } of event.experts) {
    if (expert !== "only") metrics.set(`validation.loss.${expert}`, loss);
    for (const each of sigmas) metrics.set(`validation.sigma.${round(each.sigma)}`, each.loss);
  }
  return metrics;
}

/** The numbers of a sample: `sample.seconds`, the time that a video took; of several at a step the last one's counts. */
function sampleMetrics({ seconds }: EventOf<"sample">): Map<string, number> {
  return seconds === undefined ? new Map() : new Map([["sample.seconds", seconds]]);
}

/** The numbers of any event; those that have none give none. */
export function metricsOf(event: RunEvent): Map<string, number> {
  switch (event.type) {
    case "step":
      return stepMetrics(event);
    case "validation":
      return validationMetrics(event);
    case "sample":
      return sampleMetrics(event);
    default:
      return new Map();
  }
}

function numbers(record: Readonly<Record<string, number | undefined>>): Map<string, number> {
  return new Map(Object.entries(record).flatMap(([name, value]) => value === undefined ? [] : [[name, value]]));
}

function round(sigma: number): string {
  return String(Math.round(sigma * 1000) / 1000);
}
