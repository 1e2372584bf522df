/** Contact sheets: clips one above the other, some frames of each side by side, with a label over each row. */

import type { Size } from "./crop.ts";
import { drawText, LINE_HEIGHT } from "./text.ts";

/** One clip of a contact sheet. */
export interface SheetRow {
  readonly label: string;
  /** [F, H, W, 3], 0 to 255; all rows have the same H and W. */
  readonly frames: Uint8Array;
}

/** How a contact sheet looks. */
export interface SheetOptions extends Size {
  /** Frames shown of each row, spread evenly from the first to the last. Default: all, at most 9. */
  readonly columns?: number;
}

/** A drawn picture. */
export interface Picture extends Size {
  /** [H, W, 3], 0 to 255. */
  readonly rgb: Uint8Array;
}

const GAP = 6;
const BACKGROUND = 24;
const MOST_COLUMNS = 9;

/**
 * Draws rows of frames.
 * @throws {RangeError} if there is no row, or the bytes of one are no whole number of frames
 */
export function contactSheet(rows: readonly SheetRow[], options: SheetOptions): Picture {
  const { width, height } = options;
  const frameBytes = width * height * 3;
  const counts = rows.map(({ frames }) => frames.length / frameBytes);
  if (counts.length === 0 || counts.some((count) => count < 1 || !Number.isInteger(count))) {
    throw new RangeError(`every row must have one frame of ${width}x${height} or more`);
  }
  const columns = options.columns ?? Math.min(MOST_COLUMNS, Math.max(...counts));
  const rowHeight = LINE_HEIGHT + GAP + height + GAP;
  const sheet = {
    width: GAP + columns * (width + GAP),
    height: GAP + rows.length * rowHeight,
  };
  const rgb = new Uint8Array(sheet.width * sheet.height * 3).fill(BACKGROUND);
  rows.forEach(({ label, frames }, row) => {
    const top = GAP + row * rowHeight;
    drawText(rgb, label, { ...sheet, left: GAP, top });
    for (const [column, index] of spread(counts[row] ?? 1, columns).entries()) {
      const frame = frames.subarray(index * frameBytes, (index + 1) * frameBytes);
      const place = { left: GAP + column * (width + GAP), top: top + LINE_HEIGHT + GAP };
      for (let y = 0; y < height; y++) {
        rgb.set(frame.subarray(y * width * 3, (y + 1) * width * 3), ((place.top + y) * sheet.width + place.left) * 3);
      }
    }
  });
  return { rgb, ...sheet };
}

/** Up to `columns` indices from 0 to `count` - 1, evenly spread, the first and the last among them. */
function spread(count: number, columns: number): number[] {
  if (count <= columns) return Array.from({ length: count }, (_, index) => index);
  if (columns === 1) return [0];
  return Array.from({ length: columns }, (_, column) => Math.round(column * (count - 1) / (columns - 1)));
}
