/** Section `data.frames`: which stretches of a clip are shown. */

import { z } from "zod";
import { auto, count, field, section } from "./field.ts";

/** The ways to choose windows of a clip. */
export const windowStrategies = ["chunks", "slide", "head", "random", "keyframe", "scene", "uniform"] as const;

/** Schema of `data.frames`. */
export const dataFramesSchema = section({
  strategy: field(z.enum(windowStrategies).default("chunks"), {
    title: "Windows",
    description: "How windows are chosen: chunks covers the clip with as few as needed, slide starts one every " +
      "`stride` frames, head takes the beginning, random some anywhere, keyframe starts at the file's key frames, " +
      "scene covers each shot and never crosses a cut; uniform spreads the frames over the whole clip, which alone " +
      "changes the speed of motion.",
  }),
  stride: field(auto(count).default("auto"), {
    title: "Stride",
    unit: "frames",
    description: "From the start of one window to the next with slide; auto is half a window.",
  }),
  maxWindows: field(count.optional(), {
    title: "Most windows",
    description: "At most this many of a file, spread evenly over it; absent means all.",
  }),
  variants: field(auto(count.max(64)).default("auto"), {
    title: "Variants",
    description: "How many versions of an item with random windows or augmentations are encoded, of which every " +
      "epoch shows another; auto is 4 where something is drawn, else 1.",
  }),
}, { title: "Frames", description: "Which stretches of a clip are shown." });
