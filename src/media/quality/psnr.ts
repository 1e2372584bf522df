/** Peak signal-to-noise ratio. */

/**
 * Peak signal-to-noise ratio in decibels, over all frames together.
 * @param a bytes, 0 to 255
 * @param b as many bytes
 * @returns infinity for equal videos
 * @throws {RangeError} if they differ in size
 */
export function psnr(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length || a.length === 0) {
    throw new RangeError(`a PSNR wants two videos of one size, not ${a.length} and ${b.length} bytes`);
  }
  let sum = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    sum += difference * difference;
  }
  return 10 * Math.log10(255 * 255 * a.length / sum);
}
