/** The noise levels that a run will draw, told before it begins. */
import type { EventBody } from "../events/mod.ts";
import type { Session } from "./setup.ts";
import { noiseLaw, shareBetween } from "./timesteps.ts";

/** Parts of the noise levels that are told apart. */
const BINS = 10;

/** The `noise` event: of each expert the range, the shift, and how often each tenth is drawn. In closed form. */
export function describeNoise(session: Session): Extract<EventBody, { type: "noise" }> {
  const { trainees, models, dataset } = session;
  const [item] = dataset.items;
  const frameTokens = ((item?.width ?? 0) / models.spatialDivisor) * ((item?.height ?? 0) / models.spatialDivisor);
  const experts = trainees.map(({ expert, range: own, config: { train } }) => {
    const law = noiseLaw(train.timesteps, { frameTokens, range: own });
    const [below, above] = law.shares;
    const bins = Array.from({ length: BINS }, (_, i) => shareBetween(law, i / BINS, (i + 1) / BINS));
    return { expert, range: [...law.range] as [number, number], share: above - below, shift: law.shift, bins };
  });
  return { type: "noise", experts };
}
