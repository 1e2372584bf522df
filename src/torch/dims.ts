/** Shapes asserted where a formula begins, in the letters its doc comment uses. */
import { ShapeError } from "../base/mod.ts";
import type { Tensor } from "./tensor.ts";

/** The letters of a pattern such as `"B L C"`: words that are neither `_` nor a number. */
type Letters<P extends string> = P extends `${infer Word} ${infer Rest}` ? Letter<Word> | Letters<Rest> : Letter<P>;
type Letter<Word extends string> = Word extends "_" | "" | `${number}` ? never : Word;

/**
 * Names the sizes of a tensor.
 * @param x the tensor
 * @param pattern one word a dimension: a letter binds its size, `_` fits any, a number fits itself; a letter that comes
 *   twice must fit twice
 * @param known sizes bound before
 * @returns the sizes by letter; asking for a letter that is not in the pattern does not compile
 * @throws {ShapeError} naming the pattern and the shape
 */
export function dims<const P extends string>(
  x: Tensor,
  pattern: P,
  known: Readonly<Record<string, number>> = {},
): Record<Letters<P>, number> {
  const words = pattern.split(" ");
  const { shape } = x;
  const bound: Record<string, number> = {};
  let fits = words.length === shape.length;
  for (let i = 0; fits && i < words.length; i++) {
    const word = words[i] as string;
    const size = shape[i] as number;
    if (word === "_") continue;
    const wanted = bound[word] ?? known[word] ?? (/^\d+$/.test(word) ? Number(word) : undefined);
    if (wanted !== undefined && wanted !== size) fits = false;
    bound[word] = size;
  }
  if (fits) return bound as Record<Letters<P>, number>;
  const sizes = Object.entries(known).map(([letter, size]) => `${letter} = ${size}`).join(", ");
  throw new ShapeError(
    `A tensor of shape [${shape.join(", ")}] was given where [${words.join(", ")}]${
      sizes === "" ? "" : ` with ${sizes}`
    } is expected.`,
  );
}
