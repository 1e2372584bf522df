/** The fields of `optim` that shape the learning rate over the run. */

import { z } from "zod";
import { count, field, share } from "./field.ts";

/** Fields of the schedule. */
export const scheduleFields = {
  schedule: field(
    z.enum(["constant", "linear", "cosine", "cosine-restarts", "polynomial", "rex", "inverse-sqrt"]).default(
      "constant",
    ),
    {
      title: "Schedule",
      description:
        "Course of the learning rate after the warm-up; all but constant and inverse-sqrt reach their end at " +
        "the last step.",
    },
  ),
  warmupSteps: field(z.int().min(0).default(50), {
    title: "Warm-up",
    unit: "optimizer steps",
    description: "Steps over which the rate rises linearly from zero.",
  }),
  minRate: field(share.default(0), {
    title: "Smallest rate",
    description: "Share of the learning rate that a falling schedule does not go below.",
  }),
  cycles: field(count.max(1000).default(1), {
    title: "Cycles",
    description: "How many times cosine-restarts falls.",
  }),
  power: field(z.number().positive().max(10).default(1), {
    title: "Power",
    description: "The power of the polynomial schedule.",
  }),
};
