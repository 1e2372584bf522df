/**
 * A hash of a picture that stays nearly the same when the picture is scaled, compressed or made a little brighter: the
 * signs of its 64 lowest waves against their median, as in C. Zauner, "Implementation and Benchmarking of Perceptual Image
 * Hash Functions" (2010), section 3.2.1, the constant left out.
 */

const WAVES = 8;
/** Standard deviation of brightness, of 255, below which a picture has no content that a hash could tell. Chosen. */
const FLAT = 4;

/**
 * The hash of a square picture.
 * @param luma brightness [side * side]
 * @returns 64 bits as 16 hex digits; null for a flat picture
 */
export function pictureHash(luma: Float32Array, side: number): string | null {
  const mean = luma.reduce((sum, value) => sum + value, 0) / luma.length;
  const variance = luma.reduce((sum, value) => sum + (value - mean) ** 2, 0) / luma.length;
  if (Math.sqrt(variance) < FLAT) return null;
  const waves = lowWaves(luma, side);
  const median = [...waves].sort((a, b) => a - b)[waves.length / 2] ?? 0;
  let hash = 0n;
  for (const wave of waves) hash = (hash << 1n) | (wave >= median ? 1n : 0n);
  return hash.toString(16).padStart(16, "0");
}

/** The cosine transform's coefficients 1 to 8 in both directions, row by row. */
function lowWaves(luma: Float32Array, side: number): Float64Array {
  const cosines = Array.from(
    { length: WAVES },
    (_, k) => Float64Array.from({ length: side }, (_, x) => Math.cos(Math.PI * (k + 1) * (x + 0.5) / side)),
  );
  const rows = cosines.map((cosine) => {
    return Float64Array.from({ length: side }, (_, y) => {
      let sum = 0;
      for (let x = 0; x < side; x++) sum += (luma[y * side + x] ?? 0) * (cosine[x] ?? 0);
      return sum;
    });
  });
  return Float64Array.from({ length: WAVES * WAVES }, (_, at) => {
    const [row, cosine] = [rows[at % WAVES], cosines[Math.floor(at / WAVES)]];
    let sum = 0;
    for (let y = 0; y < side; y++) sum += (row?.[y] ?? 0) * (cosine?.[y] ?? 0);
    return sum;
  });
}
