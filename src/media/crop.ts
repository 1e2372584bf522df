/** From a picture's size to a target's: scale so that the target is covered, then cut out its middle. */

/** A size in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** How a picture becomes the target: scaled as a whole, then cut. */
export interface Crop {
  /** The whole picture after scaling; covers the target. */
  readonly scaledWidth: number;
  readonly scaledHeight: number;
  /** Where the target begins in it. */
  readonly left: number;
  readonly top: number;
  /** The target. */
  readonly width: number;
  readonly height: number;
}

/**
 * Scales the shorter side (relative to the target) to fit exactly and cuts the other one evenly; an odd rest leaves one
 * more pixel on the right or at the bottom.
 */
export function coverCrop(source: Size, target: Size): Crop {
  const scale = Math.max(target.width / source.width, target.height / source.height);
  const scaledWidth = Math.max(target.width, Math.round(source.width * scale));
  const scaledHeight = Math.max(target.height, Math.round(source.height * scale));
  return {
    scaledWidth,
    scaledHeight,
    left: Math.floor((scaledWidth - target.width) / 2),
    top: Math.floor((scaledHeight - target.height) / 2),
    width: target.width,
    height: target.height,
  };
}
