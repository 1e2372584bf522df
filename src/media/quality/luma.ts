/** Brightness of pixels, the one channel that the figures look at. */

/** Width and height of a frame in pixels. */
export interface FrameSize {
  readonly width: number;
  readonly height: number;
}

/**
 * The luma of each frame of a video, one frame at a time: 0.299 R + 0.587 G + 0.114 B, 0 to 255.
 * @param pixels [F, H, W, 3], 0 to 255
 * @throws {RangeError} if the bytes are no whole number of frames
 * Source: ITU-R BT.601, section 2.5.1
 */
export function* lumaFrames(pixels: Uint8Array, size: FrameSize): Generator<Float32Array> {
  const area = size.width * size.height;
  for (let frame = 0; frame < countFrames(pixels, size); frame++) {
    const luma = new Float32Array(area);
    for (let i = 0, at = frame * area * 3; i < area; i++, at += 3) {
      luma[i] = 0.299 * (pixels[at] as number) + 0.587 * (pixels[at + 1] as number) +
        0.114 * (pixels[at + 2] as number);
    }
    yield luma;
  }
}

/** Frames of a video. @throws {RangeError} if the bytes are no whole number of frames */
export function countFrames(pixels: Uint8Array, { width, height }: FrameSize): number {
  const frames = pixels.length / (width * height * 3);
  if (Number.isInteger(frames) && frames > 0) return frames;
  throw new RangeError(`${pixels.length} bytes are no frames of ${width}x${height} pixels`);
}
