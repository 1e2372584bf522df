import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkDestinations, checkFileDestination, findPrograms, writeVideo } from "../../src/media/mod.ts";
import { withFolder } from "../support/tmp.ts";

/** Runs the body with an ffmpeg that says it has only these encoders. */
async function withEncoders(folder: string, encoders: readonly string[], body: () => Promise<void>): Promise<void> {
  const { ffmpeg } = await findPrograms();
  const path = join(folder, "ffmpeg");
  const listed = encoders.map((name) => `echo " V....D ${name}  words"`).join("\n");
  const script = `#!/bin/sh\ncase "$*" in *-encoders*) ${listed} ;; *) exec ${ffmpeg} "$@" ;; esac\n`;
  writeFileSync(path, script);
  chmodSync(path, 0o755);
  const before = Deno.env.get("WANTUNE_FFMPEG");
  Deno.env.set("WANTUNE_FFMPEG", path);
  try {
    await body();
  } finally {
    if (before === undefined) Deno.env.delete("WANTUNE_FFMPEG");
    else Deno.env.set("WANTUNE_FFMPEG", before);
  }
}

Deno.test("checkDestinations() makes folders, and refuses what has the name already", () =>
  withFolder(async (folder) => {
    const at = (...names: string[]): string => join(folder, ...names);
    const check = (path: string): Promise<void> => checkDestinations([{ path, fps: 8 }]);
    await checkDestinations([{ path: at("new", "cat.mp4"), fps: 8 }, { path: at("more", "cat", "pictures"), fps: 8 }]);
    assert.deepEqual(readdirSync(folder).sort(), ["more", "new"]);
    assert.ok(existsSync(at("more", "cat")) && !existsSync(at("more", "cat", "pictures")));

    writeFileSync(at("LICENSE"), "mine");
    await assert.rejects(check(at("LICENSE")), /LICENSE": it is a file/);
    await assert.rejects(check(at("LICENSE", "cat.mp4")), /Cannot create the folder/);
    await assert.rejects(check(at("more")), /it holds something else, "cat"/);
    mkdirSync(at("folder.webm"));
    await assert.rejects(check(at("folder.webm")), /folder\.webm": it is a folder/);
    assert.throws(() => checkFileDestination(at("folder.webm")), /it is a folder/);
    writeFileSync(at("note.gif.json"), '{"mine": 1}');
    await assert.rejects(check(at("note.gif")), /note\.gif\.json": something else has that name/);
    assert.equal(Deno.readTextFileSync(at("LICENSE")), "mine");
    await assert.rejects(
      writeVideo(at("LICENSE"), new Uint8Array(12), { width: 2, height: 2, fps: 8 }),
      /it is a file/,
    );

    const writes = { width: 2, height: 2, fps: 8, comment: "again" };
    await writeVideo(at("pictures"), new Uint8Array(12), writes);
    await check(at("pictures"));
  }));

Deno.test("a GIF of more frames a second than players show is refused, before it is made and when it is written", () =>
  withFolder(async (folder) => {
    const at = (name: string): string => join(folder, name);
    await checkDestinations([{ path: at("a.gif"), fps: 50 }, { path: at("a.mp4"), fps: 240 }]);
    const words = /Cannot write "a\.gif" with 60 frames a second: a GIF plays at most 50/;
    await assert.rejects(checkDestinations([{ path: at("a.gif"), fps: 60 }]), words);
    await assert.rejects(writeVideo(at("a.gif"), new Uint8Array(12), { width: 2, height: 2, fps: 60 }), words);
    assert.deepEqual(readdirSync(folder), []);
  }));

Deno.test("checkDestinations() refuses an encoder that ffmpeg lacks, where one is needed", () =>
  withFolder((folder) =>
    withEncoders(folder, ["libvpx-vp9"], async () => {
      await checkDestinations([{ path: join(folder, "cat.webm"), fps: 8 }, { path: join(folder, "pictures"), fps: 8 }]);
      const check = (name: string, codec?: "av1" | "h265"): Promise<void> =>
        checkDestinations([{ path: join(folder, name), codec, fps: 8 }]);
      await assert.rejects(check("cat.mp4"), /lacks the encoder libx264$/);
      await assert.rejects(check("cat.mp4", "h265"), /lacks the encoder libx265/);
      await assert.rejects(check("cat.webm", "av1"), /lacks the encoder libaom-av1/);
      await assert.rejects(check("cat.gif"), /lacks the encoder gif/);
    })
  ));
