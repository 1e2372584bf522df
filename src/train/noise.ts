/** The noise levels that a run will draw, told before it begins. */
import type { EventBody } from "../events/mod.ts";
import type { DatasetItem } from "../data/mod.ts";
import type { ModelSource } from "../wan/mod.ts";
import { type NoiseLaw, noiseLaw, shareBetween } from "./timesteps.ts";
import type { Trainee } from "./trainee.ts";

/** Parts of the noise levels that are told apart. */
const BINS = 10;

/** What decides over the noise levels of a run. */
export interface NoisySession {
  readonly trainees: readonly Pick<Trainee, "expert" | "range" | "config">[];
  readonly models: Pick<ModelSource, "spatialDivisor">;
  readonly dataset: { readonly items: Iterable<Pick<DatasetItem, "width" | "height" | "repeats">> };
}

/**
 * The `noise` event: of each expert the range, the shift, and how often each tenth is drawn. In closed form; where the shift goes by
 * the size of a clip, the means over all clips as often as they come up.
 */
export function describeNoise(session: NoisySession): Extract<EventBody, { type: "noise" }> {
  const experts = session.trainees.map(({ expert, range: own, config: { train: { timesteps } } }) => {
    const sizes = timesteps.shift === "resolution" ? sizesOf(session) : new Map([[0, 1]]);
    const laws = [...sizes].map(([frameTokens, times]) => ({
      law: noiseLaw(timesteps, { frameTokens, range: own }),
      times,
    }));
    const all = laws.reduce((sum, { times }) => sum + times, 0);
    const mean = (of: (law: NoiseLaw) => number): number =>
      laws.reduce((sum, { law, times }) => sum + of(law) * (times / all), 0);
    const [low, high] = laws[0]?.law.range ?? own;
    const bins = Array.from({ length: BINS }, (_, i) => mean((law) => shareBetween(law, i / BINS, (i + 1) / BINS)));
    return {
      expert,
      range: [low, high] as [number, number],
      share: mean(({ shares: [below, above] }) => above - below),
      shift: mean(({ shift }) => shift),
      bins,
    };
  });
  return { type: "noise", experts };
}

/** The sizes of clips in tokens of a latent frame, and how often each comes up in an epoch. */
function sizesOf({ dataset, models: { spatialDivisor } }: NoisySession): Map<number, number> {
  const sizes = new Map<number, number>();
  for (const { width, height, repeats } of dataset.items) {
    const frameTokens = (width / spatialDivisor) * (height / spatialDivisor);
    sizes.set(frameTokens, (sizes.get(frameTokens) ?? 0) + repeats);
  }
  return sizes;
}
