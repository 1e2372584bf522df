/** Plain text in pixels: a 5 by 7 face for labels, capitals and figures, drawn at twice its size. */

import type { Size } from "./crop.ts";

const SCALE = 2;
const GLYPH_WIDTH = 5;
const GLYPH_HEIGHT = 7;
const INK = 232;
/** Height of one line in pixels. */
export const LINE_HEIGHT = GLYPH_HEIGHT * SCALE;

// Each glyph is seven rows from top to bottom; a row is five bits, the leftmost pixel highest, as one base-32 digit.
const GLYPHS: Readonly<Record<string, string>> = {
  A: "ehhvhhh",
  B: "uhhuhhu",
  C: "ehggghe",
  D: "uhhhhhu",
  E: "vgguggv",
  F: "vgguggg",
  G: "ehgnhhf",
  H: "hhhvhhh",
  I: "e44444e",
  J: "722222c",
  K: "hikokih",
  L: "ggggggv",
  M: "hrllhhh",
  N: "hhpljhh",
  O: "ehhhhhe",
  P: "uhhuggg",
  Q: "ehhhlid",
  R: "uhhukih",
  S: "fgge11u",
  T: "v444444",
  U: "hhhhhhe",
  V: "hhhhha4",
  W: "hhhllra",
  X: "hha4ahh",
  Y: "hha4444",
  Z: "v1248gv",
  0: "ehjlphe",
  1: "4c4444e",
  2: "eh1248v",
  3: "v2421he",
  4: "26aiv22",
  5: "vgu11he",
  6: "68guhhe",
  7: "v124888",
  8: "ehhehhe",
  9: "ehhf12c",
  ".": "00000cc",
  ",": "0000c48",
  ":": "0cc0cc0",
  "-": "000v000",
  "+": "044v440",
  "=": "00v0v00",
  "/": "122488g",
  "%": "op248j3",
  "(": "2488842",
  ")": "8422248",
  "'": "c480000",
  _: "000000v",
  "#": "aavavaa",
  "?": "eh12404",
  "!": "4444404",
};

/**
 * Draws one line of text into a picture; what does not fit is cut off. Letters become capitals; characters without a
 * glyph become blanks.
 * @param rgb [H, W, 3], changed in place
 */
export function drawText(
  rgb: Uint8Array,
  text: string,
  { width, height, left, top }: Size & { readonly left: number; readonly top: number },
): void {
  [...text.toUpperCase()].forEach((char, index) => {
    const glyph = GLYPHS[char];
    if (glyph === undefined) return;
    const x0 = left + index * (GLYPH_WIDTH + 1) * SCALE;
    for (let y = 0; y < LINE_HEIGHT; y++) {
      const row = parseInt(glyph[Math.floor(y / SCALE)] ?? "0", 32);
      for (let x = 0; x < GLYPH_WIDTH * SCALE; x++) {
        const on = (row >> (GLYPH_WIDTH - 1 - Math.floor(x / SCALE))) & 1;
        if (on === 0 || x0 + x >= width || top + y >= height) continue;
        rgb.fill(INK, ((top + y) * width + x0 + x) * 3, ((top + y) * width + x0 + x) * 3 + 3);
      }
    }
  });
}
