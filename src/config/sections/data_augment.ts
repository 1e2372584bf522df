/** Section `data.augment`: changes to the pictures, drawn for each variant of an item; all off by default. */

import { z } from "zod";
import { field, section, share } from "./field.ts";

/** Schema of `data.augment`. */
export const dataAugmentSchema = section({
  flip: field(share.default(0), {
    title: "Flip",
    description: "Share of the variants that are mirrored left to right; not for clips with writing, or where left " +
      "and right matter.",
  }),
  cropJitter: field(z.number().min(0).max(0.5).default(0), {
    title: "Crop jitter",
    description: "A variant is enlarged by up to this share, and cut anywhere instead of in the middle.",
  }),
  frameDropout: field(z.number().min(0).max(0.5).default(0), {
    title: "Frame dropout",
    description: "Probability of each frame but the first to be replaced by the one before it; length and speed stay.",
  }),
  color: field(share.default(0), {
    title: "Colour jitter",
    description: "Strength of one change of brightness, contrast, saturation and hue for the whole variant; 1 is up " +
      "to 20 % each and 18 degrees of hue, 0.25 is mild.",
  }),
}, { title: "Augmentations", description: "Changes to the pictures, drawn for each variant of an item." });
