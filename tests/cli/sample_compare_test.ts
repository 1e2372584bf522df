import assert from "node:assert/strict";
import { join } from "node:path";
import { checkComparable, compareFiles, comparisonText } from "../../src/cli/sample/compare.ts";
import type { SampleSettings } from "../../src/cli/sample/settings.ts";
import { writeVideo } from "../../src/media/mod.ts";
import { withFolder } from "../support/tmp.ts";

const SIZE = { width: 32, height: 16 };

/** Five frames of a ramp, brighter by so much. */
function ramp(offset: number): Uint8Array {
  return Uint8Array.from({ length: 5 * 32 * 16 * 3 }, (_, i) => 40 + offset + Math.floor(i / 3) % 32);
}

Deno.test("files are compared as they are decoded: an equal one is equal, a brighter one is far by that", () =>
  withFolder(async (folder) => {
    const write = async (name: string, offset: number): Promise<string> => {
      const path = join(folder, name);
      await writeVideo(path, ramp(offset), { ...SIZE, fps: 8 });
      return path;
    };
    const [first, same, brighter] = [await write("a.mp4", 0), await write("b.mp4", 0), await write("c.webm", 20)];
    assert.equal(comparisonText(await compareFiles(same, first)), "equal");
    const comparison = await compareFiles(brighter, first);
    assert.ok(Math.abs(comparison.psnr - 20 * Math.log10(255 / 20)) < 1, `${comparison.psnr}`); // the loss of both codecs
    assert.match(comparisonText(comparison), /^PSNR 2\d\.\d dB, SSIM 0\.\d{3} \(0\.\d{3} at worst\)$/);

    const check = (name: string, settings: { numFrames: number }): Promise<void> =>
      checkComparable(first, { path: join(folder, name), settings: { ...SIZE, ...settings } as SampleSettings });
    await check("new.mp4", { numFrames: 5 });
    await assert.rejects(check("new.mp4", { numFrames: 9 }), /has 5 frames of 32x16, the video 9 frames of 32x16/);
    await assert.rejects(check("a.mp4", { numFrames: 5 }), /the video takes its place/);
    await assert.rejects(check("pictures", { numFrames: 5 }), /videos alone are compared/);
  }));
