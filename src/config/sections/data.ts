/** Section `data`: which clips, and how they become batches. */

import { z } from "zod";
import { dataAugmentSchema } from "./data_augment.ts";
import { dataCacheSchema } from "./data_cache.ts";
import { dataCaptionsSchema, sourceCaptionsSchema } from "./data_captions.ts";
import { dataFramesSchema } from "./data_frames.ts";
import { dataLimitsSchema } from "./data_limits.ts";
import { auto, count, field, numFrames, section, share, side } from "./field.ts";

/** Schema of one entry of `data.sources`. */
export const sourceSchema = section({
  path: field(z.string().min(1), {
    title: "Path",
    description: "A folder of clips and stills, a single file, or a list of captions which brings its files.",
  }),
  repeats: field(count.default(1), { title: "Repeats", description: "How often each clip is seen per epoch." }),
  weight: field(z.number().positive().max(1000).default(1), {
    title: "Weight",
    description: "Factor of the loss of this source's clips.",
  }),
  triggerWord: field(z.string().min(1).optional(), {
    title: "Trigger word",
    description: "As data.triggerWord, for this source.",
  }),
  captions: sourceCaptionsSchema.optional(),
}, { title: "Source", description: "A folder of clips with their captions." });

/** Schema of a fixed picture size. */
export const sizeSchema = z.strictObject({ width: side, height: side });

const resolution = z.union([z.int().min(16).max(8192), sizeSchema]);

/** Schema of `data`. */
export const dataSchema = section({
  sources: field(z.array(sourceSchema).min(1), { title: "Sources", description: "Where the clips are." }),
  resolution: field(z.union([resolution, z.array(resolution).min(1).max(16)]).default(704), {
    title: "Resolution",
    unit: "pixels",
    description:
      "Side of the square whose area every bucket of aspect ratios keeps to, or one fixed width and height; " +
      "of several, each clip is used at each that it is large enough for.",
  }),
  numFrames: field(z.union([numFrames, z.array(numFrames).min(1).max(32)]).default(49), {
    title: "Frames",
    unit: "frames",
    description:
      "Length of a training clip at the model's frame rate, where a shorter clip gives what it has; or a list " +
      "of lengths, of which the longest that fits is taken. 1 trains on stills.",
  }),
  fps: field(auto(z.number().positive().max(240)).default("auto"), {
    title: "Frame rate",
    unit: "frames per second",
    description: "Rate to which clips are resampled in time; auto is the rate that the model was trained at.",
  }),
  frames: dataFramesSchema.prefault({}),
  augment: dataAugmentSchema.prefault({}),
  maxAspect: field(z.number().min(1).max(8).default(2), {
    title: "Widest shape",
    description: "Largest ratio of the long to the short side of a bucket; wider clips are cropped to it.",
  }),
  maxUpscale: field(z.number().min(1).max(64).default(1.5), {
    title: "Most enlargement",
    description:
      "A picture that would have to be enlarged more to fill its bucket is left out; above 1, detail is made " +
      "up rather than learnt.",
  }),
  minKept: field(share.default(0.25), {
    title: "Least kept",
    description: "A picture of which cropping would keep a smaller share is left out.",
  }),
  limits: dataLimitsSchema.prefault({}),
  onBadFile: field(z.enum(["skip", "stop"]).default("skip"), {
    title: "Bad files",
    description: "Whether a file that cannot be used is reported and left out, or ends the run.",
  }),
  cache: dataCacheSchema.prefault({}),
  captions: dataCaptionsSchema.prefault({}),
  captionDropout: field(share.default(0.05), {
    title: "Caption dropout",
    description: "Probability that a clip is shown with an empty caption, which keeps guidance working.",
  }),
  triggerWord: field(z.string().min(1).optional(), {
    title: "Trigger word",
    description:
      "Word put in front of every caption that does not hold it, to call up what was learnt; a caption may " +
      "say [trigger] where it belongs.",
  }),
}, { title: "Data", description: "The clips and how they are cut." });
