/** Reads a part of a tokenizer's file against a schema. */
import { z } from "zod";
import { WeightsError } from "../base/mod.ts";

/**
 * The value as its schema's type.
 * @param where the part's name in the file, for the message
 * @throws {WeightsError} that names the first thing that is not as it should be
 */
export function readPart<T>(schema: z.ZodType<T>, json: unknown, where: string): T {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const at = [where, ...(issue?.path.map(String) ?? [])].join(".");
  throw new WeightsError(`Cannot read the tokenizer: ${at}: ${issue?.message ?? "not as expected"}`, {
    cure: "fetch the tokenizer again",
    cause: result.error,
  });
}
