/** Section `data.limits`: what files must be like to be used. */

import { z } from "zod";
import { count, field, section } from "./field.ts";

const verdict = z.enum(["keep", "warn", "reject"]);
const words = z.array(z.string().min(1).max(40)).min(1);

/** Schema of `data.limits`. */
export const dataLimitsSchema = section({
  minSeconds: field(z.number().positive().optional(), {
    title: "Shortest clip",
    unit: "seconds",
    description: "Shorter clips are left out; absent means as short as the frames allow.",
  }),
  maxSeconds: field(z.number().positive().optional(), {
    title: "Longest clip",
    unit: "seconds",
    description: "Longer clips are left out.",
  }),
  minFrames: field(count.optional(), {
    title: "Fewest frames",
    description: "Clips with fewer frames of their own, before resampling, are left out.",
  }),
  maxFrames: field(count.optional(), {
    title: "Most frames",
    description: "Clips with more frames of their own, before resampling, are left out.",
  }),
  minFps: field(z.number().positive().max(1000).optional(), {
    title: "Lowest frame rate",
    unit: "frames per second",
    description: "Clips with a lower rate are left out, instead of showing frames several times.",
  }),
  maxFps: field(z.number().positive().optional(), {
    title: "Highest frame rate",
    unit: "frames per second",
    description: "Clips with a higher rate are left out, such as slow motion.",
  }),
  minSide: field(count.optional(), {
    title: "Smallest side",
    unit: "pixels",
    description: "Pictures whose short side, as shown, is smaller are left out.",
  }),
  maxSide: field(count.optional(), {
    title: "Largest side",
    unit: "pixels",
    description: "Pictures whose long side, as shown, is larger are left out.",
  }),
  containers: field(words.optional(), {
    title: "Containers",
    description:
      "Only clips in these containers are used, by ffmpeg's names: mp4, mov, webm, matroska, avi, gif, webp.",
  }),
  codecs: field(words.optional(), {
    title: "Codecs",
    description: "Only clips in these codecs are used, by ffmpeg's names: h264, hevc, vp9, av1, prores.",
  }),
  black: field(verdict.default("warn"), {
    title: "Black clips",
    description: "What becomes of clips and stills that are black throughout.",
  }),
  frozen: field(verdict.default("warn"), {
    title: "Frozen clips",
    description: "What becomes of clips in which nothing moves.",
  }),
  duplicates: field(verdict.default("warn"), {
    title: "Duplicates",
    description:
      "What becomes of files that show the same as a larger or longer one, told by a hash of their pictures; " +
      "keep does not look for them, and spares a glance at each file if black and frozen are kept too.",
  }),
  duplicateBits: field(z.number().min(0).max(12).default(3), {
    title: "Likeness",
    unit: "bits of 64",
    description: "Up to how many bits, on average over its frames, the hash of a duplicate may differ.",
  }),
}, { title: "Limits", description: "What files must be like to be used." });
