/**
 * Broken and nasty inputs: each folder of `WANTUNE_HOSTILE` (default `tests/data/hostile`) is prepared as a dataset, and
 * what became of each file, and of each line of a list, is compared with the action and the reason in `expect.json`.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { DataError, random } from "../../src/base/mod.ts";
import { prepareDataset } from "../../src/data/mod.ts";
import type { EventBody } from "../../src/events/mod.ts";
import { liveHandles } from "../../src/torch/mod.ts";
import { dataConfig, standIns } from "../support/dataset.ts";
import { DATA, ffmpeg } from "../support/media.ts";
import { childProcesses } from "../support/processes.ts";
import { withFolder } from "../support/tmp.ts";
import { useTorch } from "../support/torch.ts";

await useTorch();

type Action = "reject" | "accept" | "accept_after_fix" | "reject_or_fix" | "ignore";
interface Item {
  readonly path: string;
  readonly action: Action;
  readonly reason: string;
  readonly lines?: readonly { readonly line: number; readonly action: Action; readonly reason: string }[];
}
type FileEvent = Extract<EventBody, { type: "file" }>;

const HOSTILE = resolve(Deno.env.get("WANTUNE_HOSTILE") || join(DATA, "hostile"));
const expected: { items: Item[]; assumes: { wanted_frames: number; least_short_side: number } } = JSON.parse(
  readFileSync(join(HOSTILE, "expect.json"), "utf8"),
);
const ALLOWED: Record<Action, readonly string[]> = {
  reject: ["rejected"],
  accept: ["used"],
  accept_after_fix: ["used"],
  reject_or_fix: ["used", "rejected"],
  ignore: ["nothing", "rejected"],
};
/** Codes that say the same as the list's reason, seen from the side of what was found first. */
const SAME: Record<string, readonly string[]> = {
  odd_frame_rate: ["too_few_frames"], // 33 frames at 1000 fps
  header_mismatch: ["too_large"], // 65535 x 65535 in the header
  truncated: ["corrupt_frames", "corrupt_image"], // noticed by decoding, not by the header
  corrupt_frames: ["truncated"], // the header promises more than is there
  extreme_aspect: ["too_small"],
  not_media: ["unsupported_format"],
  metadata_bomb: ["too_large"],
  size_change: ["unsupported_format"], // a transport stream
};
/** A file that takes longer hangs. */
const MOST_SECONDS = 20;

/** Prepares a folder with stand-ins for the encoders; what it told by path, and by line where the path is a list. */
async function outcomes(folder: string, atProbing: () => void = () => {}): Promise<Map<string, FileEvent>> {
  const files = new Map<string, FileEvent>();
  const side = expected.assumes.least_short_side;
  let probing = false;
  await withFolder(async (cacheDir) => {
    const config = dataConfig({
      sources: [{ path: folder }],
      resolution: { width: side, height: side },
      numFrames: expected.assumes.wanted_frames,
      captionDropout: 0,
    });
    try {
      using _dataset = await prepareDataset(config, {
        geometry: { spatialDivisor: 32, spatialStride: 16, temporalStride: 4, fps: 24 },
        ...standIns({ videos: [], captions: [] }),
        cacheDir,
        emit: (event) => {
          if (event.type === "stage" && event.stage === "probing" && !probing) {
            probing = true;
            atProbing();
          }
          if (event.type !== "file") return;
          const line = event.status === "rejected" && event.line !== undefined ? `:${event.line}` : "";
          files.set(`${event.path}${line}`, event);
        },
      });
    } catch (error) {
      if (!(error instanceof DataError)) throw error; // nothing usable at all
    }
  });
  return files;
}

/** What is wrong with an outcome; undefined if it is as the list says. */
function wrongWith(
  event: FileEvent | undefined,
  { action, reason }: Pick<Item, "action" | "reason">,
): string | undefined {
  const status = event?.status ?? "nothing";
  if (!ALLOWED[action].includes(status)) return `${status}, wanted ${action} (${reason})`;
  if (event?.status !== "rejected") return undefined;
  if (event.reason.length <= 10 || ["\n", "\u001b"].some((char) => event.reason.includes(char))) {
    return `says ${JSON.stringify(event.reason)}`;
  }
  const codes = [reason, ...SAME[reason] ?? []];
  return codes.includes(event.code) ? undefined : `${event.code} (${event.reason}), wanted ${reason}`;
}

/** A folder of the list, and the path of its own under which to look: one file is made anew where the copy is not as told. */
async function withHostile(name: string, body: (folder: string) => Promise<void>): Promise<void> {
  const folder = join(HOSTILE, name);
  const binary = join(folder, "binary.txt");
  if (!existsSync(binary) || !readFileSync(binary).every((byte) => byte >= 0x20 && byte < 0x7f)) {
    return await body(folder);
  }
  await withFolder(async (copy) => { // said to hold random bytes
    for (const { name: file } of Deno.readDirSync(folder)) Deno.copyFileSync(join(folder, file), join(copy, file));
    const draw = random(512);
    Deno.writeFileSync(join(copy, "binary.txt"), Uint8Array.from({ length: 512 }, () => draw.integer(256)));
    await body(copy);
  });
}

const folders = [...new Set(expected.items.map(({ path }) => path.split("/")[0] ?? ""))];
for (const folder of folders) {
  Deno.test(`hostile/${folder}: every file ends as it should, with a reason, in time, and leaves no process`, async () => {
    const before = liveHandles();
    const items = expected.items.filter(({ path }) => path.startsWith(`${folder}/`));
    await withHostile(folder, async (place) => {
      const start = performance.now();
      const files = await outcomes(place);
      const seconds = (performance.now() - start) / 1000;
      assert.ok(seconds < MOST_SECONDS * items.length, `${seconds} s`);
      const wrong = items.flatMap((item) => {
        const path = join(place, item.path.slice(folder.length + 1));
        if (item.lines !== undefined) return wrongLines(files, { list: path, lines: item.lines });
        const found = item.path.endsWith(".txt") ? undefined : wrongWith(files.get(path), item); // orphans are counted
        return found === undefined ? [] : [`${item.path}: ${found}`];
      });
      assert.deepEqual(wrong, []);
    });
    assert.equal(liveHandles(), before);
    assert.deepEqual(childProcesses(), []);
  });
}

/** Lines that are used or left out end with no event of their own. */
function wrongLines(
  files: ReadonlyMap<string, FileEvent>,
  { list, lines }: { list: string; lines: NonNullable<Item["lines"]> },
): string[] {
  return lines.flatMap(({ line, action, reason }) => {
    const event = files.get(`${list}:${line}`);
    const refused = event?.status === "rejected";
    if (refused && action !== "accept" && action !== "ignore") {
      return event.code === reason && event.reason.startsWith(`line ${line}: `) ? [] : [`line ${line}: ${event.code}`];
    }
    const mayPass = ["accept", "ignore", "reject_or_fix"].includes(action);
    return !refused && mayPass ? [] : [`line ${line}: ${event?.status ?? "nothing"}, wanted ${action} (${reason})`];
  });
}

/** A good clip with its caption, under names of one's own. */
function copyGood(folder: string, names: readonly string[]): void {
  for (const name of names) {
    Deno.copyFileSync(join(HOSTILE, "captions", "good.mp4"), join(folder, `${name}.mp4`));
    Deno.writeTextFileSync(join(folder, `${name}.txt`), "A white cockatoo.");
  }
}

Deno.test("hostile names that no folder can hold for everyone", async () => {
  await withFolder(async (folder) => {
    const names = [
      ...["new\nline", 'say "cheese"', "back\\slash", "pipe|", "star*question?", "concat:x", "http:looks-like-a-url"],
      ...["x".repeat(251), "D", "d", "%05d", "-y"],
    ];
    copyGood(folder, names);
    const files = await outcomes(folder);
    const unused = names.filter((name) => files.get(join(folder, `${name}.mp4`))?.status !== "used");
    assert.deepEqual(unused, []);
  });
});

Deno.test("what becomes of files that cannot be read, vanish, are emptied, or have names that are no text", async () => {
  await withFolder(async (folder) => {
    copyGood(folder, ["good", "gone", "emptied", "nfd_e\u0301", "\\"]);
    Deno.renameSync(join(folder, "nfd_e\u0301.txt"), join(folder, "nfd_\u00e9.txt"));
    const shell = (command: string): unknown =>
      new Deno.Command("sh", { args: ["-c", command], cwd: folder }).outputSync();
    shell(
      "mkfifo pipe.mp4; ln -s nowhere.mp4 dead.mp4; ln -s self.mp4 self.mp4; ln -s .. above; ln -s good.mp4 twin.mp4",
    );
    shell("cp good.mp4 \"$(printf '\\377\\376.mp4')\""); // fails where names must be UTF-8
    const files = await outcomes(folder, () => {
      Deno.removeSync(join(folder, "gone.mp4"));
      Deno.truncateSync(join(folder, "emptied.mp4"));
    });
    const ends = Object.fromEntries([...files].map(([path, event]) => [
      path.replace(`${folder}/`, ""),
      event.status === "rejected" ? event.code : "used",
    ]));
    assert.deepEqual(ends, {
      ...{ "good.mp4": "used", "nfd_e\u0301.mp4": "used", "\\.mp4": "used" },
      ...{ "gone.mp4": "vanished", "emptied.mp4": "empty_file", "twin.mp4": "missing_caption" },
      ...{ "pipe.mp4": "not_a_file", "dead.mp4": "link", "self.mp4": "link", above: "link" },
      ...(Deno.build.os === "linux" ? { "\\xff\\xfe.mp4": "file_name" } : {}),
    });
  });
});

Deno.test({
  name: "a file without permission to read it is rejected by name",
  ignore: Deno.uid() === 0, // root reads everything
  fn: async () => {
    await withFolder(async (folder) => {
      copyGood(folder, ["locked"]);
      Deno.chmodSync(join(folder, "locked.mp4"), 0);
      const event = (await outcomes(folder)).get(join(folder, "locked.mp4"));
      assert.equal(event?.status === "rejected" ? event.code : "used", "permission");
    });
  },
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
