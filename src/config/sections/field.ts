/** How a field of the config carries its title, unit and description, from which help and JSON Schema are made. */

import { z } from "zod";

/** What is said about a field to people. */
export interface FieldInfo {
  /** Two or three words. */
  readonly title: string;
  /** One or two sentences. */
  readonly description: string;
  /** The unit of a number, when the name does not tell it. */
  readonly unit?: string;
  /** What is allowed, in words, where the schema alone would say it badly (patterns, rules across numbers). */
  readonly allowed?: string;
}

/** Attaches what people should know to a schema. */
export function field<S extends z.ZodType>(schema: S, info: FieldInfo): S {
  return schema.meta({ ...info });
}

/** A section: a strict object which may be left out when each of its fields may. */
export function section<Shape extends z.ZodRawShape>(
  shape: Shape,
  info: FieldInfo,
): z.ZodObject<Shape, z.core.$strict> {
  return z.strictObject(shape).meta({ ...info });
}

/** The word "auto" or something definite; what "auto" became is recorded by the run. */
export function auto<S extends z.ZodType>(schema: S): z.ZodUnion<[z.ZodLiteral<"auto">, S]> {
  return z.union([z.literal("auto"), schema]);
}

/** A count of at least one. */
export const count: z.ZodInt = z.int().min(1);

/** A probability. */
export const share: z.ZodNumber = z.number().min(0).max(1);

/** A side of a picture in pixels: the coarsest VAE needs multiples of 16. */
export const side: z.ZodInt = z.int().min(16).max(8192).multipleOf(16);

/** A number of video frames that the VAE can hold: 4n+1. */
export const numFrames: z.ZodInt = z.int().min(1).refine((n) => n % 4 === 1, {
  message: "a whole number of the form 4n+1, such as 1, 17, 49 or 81",
});
