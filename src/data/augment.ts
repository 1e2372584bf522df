/**
 * Augmentations: what is changed in a variant's pictures. Everything is drawn from the file's content, the item and the
 * variant, so that a variant is the same in every run and can be cached.
 */

import { random, seedFor } from "../base/mod.ts";
import type { DataConfig } from "../config/mod.ts";
import type { Crop } from "../media/mod.ts";
import type { Window, WindowTimes } from "./window.ts";

/** What is changed in the pictures of a window, besides its crop. */
export interface Augmentation {
  /** Mirrored left to right. */
  readonly flip: boolean;
  /** Output frames that show the one before them instead, ascending, never the first. */
  readonly held: readonly number[];
  /** Absent where colours stay. */
  readonly color?: ColorChange;
}

/** One change of colours for the whole window. */
export interface ColorChange {
  /** Added to every value, of a range of 1. */
  readonly brightness: number;
  /** Factor of the distance from mid-grey. */
  readonly contrast: number;
  /** Factor of the distance from the pixel's own grey. */
  readonly saturation: number;
  /** Turn of the colour circle in degrees. */
  readonly hue: number;
}

/** Which variant of which item of a file. */
export interface VariantPlace {
  /** Made of the file's content. */
  readonly seed: bigint;
  readonly item: number;
  readonly variant: number;
  readonly numVariants: number;
}

/** Changes of brightness, contrast and saturation at full strength, and of hue in degrees. Chosen. */
const MOST_COLOR = 0.2;
const MOST_HUE = 18;

/** Whether anything is drawn. */
export function augments({ flip, cropJitter, frameDropout, color }: DataConfig["augment"]): boolean {
  return flip > 0 || cropJitter > 0 || frameDropout > 0 || color > 0;
}

/** Draws what is changed in a variant. @param window times and the crop of the plain picture */
export function augmentWindow(
  window: WindowTimes & { readonly crop: Crop },
  { augment, place }: { augment: DataConfig["augment"]; place: VariantPlace },
): Window {
  if (!augments(augment)) return window;
  const { seed, item, variant } = place;
  const draws = random(seedFor(seed, "data.augment", item, variant));
  const crop = jitter(window.crop, { amount: augment.cropJitter, draw: () => draws.next() });
  const drops = random(seedFor(seed, "data.frameDropout", item, variant));
  const held = Array.from({ length: window.frames }, (_, k) => k)
    .filter((k) => k > 0 && drops.next() < augment.frameDropout);
  const color = augment.color > 0 ? drawColor(augment.color, () => draws.next()) : undefined;
  const augmentation = { flip: isFlipped(augment.flip, place), held, ...(color === undefined ? {} : { color }) };
  return { ...window, crop, augmentation };
}

/** As many of an item's variants as the share says, but for less than one, are flipped. */
function isFlipped(share: number, { seed, item, variant, numVariants }: VariantPlace): boolean {
  const draws = random(seedFor(seed, "data.flip", item));
  const order = draws.shuffle(Array.from({ length: numVariants }, (_, k) => k));
  return ((order[variant] ?? 0) + draws.next()) / numVariants < share;
}

function jitter(crop: Crop, { amount, draw }: { amount: number; draw: () => number }): Crop {
  if (amount === 0) return crop;
  const zoom = 1 + amount * draw();
  const scaledWidth = Math.round(crop.scaledWidth * zoom);
  const scaledHeight = Math.round(crop.scaledHeight * zoom);
  const left = Math.round(draw() * (scaledWidth - crop.width));
  const top = Math.round(draw() * (scaledHeight - crop.height));
  return { ...crop, scaledWidth, scaledHeight, left, top };
}

function drawColor(strength: number, draw: () => number): ColorChange {
  const around = (most: number): number => strength * most * (2 * draw() - 1);
  return {
    brightness: around(MOST_COLOR),
    contrast: 1 + around(MOST_COLOR),
    saturation: 1 + around(MOST_COLOR),
    hue: around(MOST_HUE),
  };
}
