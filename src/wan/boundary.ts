/** Where one expert's part of the time ends and the other's begins. */
import { NUM_TRAIN_TIMESTEPS } from "./flow.ts";

/** One of two experts. */
export type NoiseExpert = "high" | "low";

/** The expert that works at a timestep in [0, 1000]; the boundary, a share of time, belongs to high noise. */
export function expertAt(timestep: number, boundary: number): NoiseExpert {
  return timestep >= boundary * NUM_TRAIN_TIMESTEPS ? "high" : "low";
}
