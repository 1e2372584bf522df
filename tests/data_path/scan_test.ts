import assert from "node:assert/strict";
import { join } from "node:path";
import { scanSources } from "../../src/data/mod.ts";
import { compareBytes } from "../../src/data/scan.ts";
import { withFolder } from "../support/tmp.ts";

/** Makes files; those with text are captions, the others hold nothing. */
function make(folder: string, files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    Deno.mkdirSync(join(folder, name, ".."), { recursive: true });
    Deno.writeTextFileSync(join(folder, name), text);
  }
}

const scan = (path: string, triggerWord?: string): ReturnType<typeof scanSources> =>
  scanSources([{ path, repeats: 1 }], { triggerWord });

Deno.test("scanSources() pairs clips and stills with captions, in the order of the paths' bytes", async () => {
  await withFolder((folder) => {
    make(folder, {
      ...{ "b.MP4": "", "b.txt": "a b", "a/z.webm": "", "a/z.txt": "a z", "é.jpg": "", "é.txt": "e" },
      ...{ "Z.gif": "", "Z.txt": "z", "v2.0.name.mkv": "", "v2.0.name.txt": "dots", "notes.md": "x", "lone.txt": "x" },
    });
    const { found, rejected, numIgnored } = scan(folder);
    const names = found.map(({ path }) => path.slice(folder.length + 1));
    assert.deepEqual(names, ["Z.gif", "a/z.webm", "b.MP4", "v2.0.name.mkv", "é.jpg"]);
    assert.deepEqual(found.map(({ caption }) => caption), ["z", "a z", "a b", "dots", "e"]);
    assert.deepEqual(found.map(({ kind }) => kind), ["clip", "clip", "clip", "clip", "still"]);
    assert.deepEqual(rejected, []);
    assert.equal(numIgnored, 2);
  });
});

Deno.test("scanSources() rejects a missing or empty caption, unless there is a trigger word", async () => {
  await withFolder((folder) => {
    make(folder, { "a.mp4": "", "b.mp4": "", "b.txt": " \r\n\t", "c.mp4": "", "c.txt": "a cat" });
    assert.deepEqual(scan(folder).rejected.map(({ reason }) => reason), ["it has no caption", "its caption is empty"]);
    assert.deepEqual(scan(folder, "ohwx").found.map(({ caption }) => caption), ["ohwx", "ohwx", "ohwx, a cat"]);
  });
});

Deno.test("scanSources() passes hidden files over, and names endings that are not read", async () => {
  await withFolder((folder) => {
    make(folder, { ".hidden.mp4": "", ".hidden.txt": "x", "a.heic": "", "no_ending": "", "a.mp4.bak": "" });
    const { found, rejected } = scan(folder);
    assert.deepEqual(found, []);
    assert.deepEqual(rejected.map(({ reason }) => reason), ["files ending in .heic are not read"]);
  });
});

Deno.test("scanSources() follows links once and ends on loops", async () => {
  await withFolder((folder) => {
    make(folder, { "data/a.mp4": "", "data/a.txt": "a", "other/b.mp4": "", "other/b.txt": "b" });
    const data = join(folder, "data");
    Deno.symlinkSync(data, join(data, "loop"));
    Deno.symlinkSync(join(folder, "other"), join(data, "other"));
    Deno.symlinkSync(join(folder, "nowhere.mp4"), join(data, "dead.mp4"));
    Deno.symlinkSync(join(data, "self.mp4"), join(data, "self.mp4"));
    const { found, rejected } = scan(data);
    assert.deepEqual(found.map(({ caption }) => caption), ["a", "b"]);
    assert.deepEqual(rejected.map(({ path, reason }) => [path.slice(data.length + 1), reason]), [
      ["dead.mp4", "it is a link to nothing"],
      ["loop", "it is a link to a folder that is read already"],
      ["self.mp4", "it is a link that leads to itself"],
    ]);
  });
});

Deno.test("scanSources() refuses pipes at once", async () => {
  await withFolder((folder) => {
    make(folder, { "p.txt": "pipe" });
    new Deno.Command("mkfifo", { args: [join(folder, "p.mp4")] }).outputSync();
    assert.match(scan(folder).rejected[0]?.reason ?? "", /not a regular file/);
  });
});

Deno.test("scanSources() finds a caption whose name is composed otherwise", async () => {
  await withFolder((folder) => {
    make(folder, { "caf\u0065\u0301.mp4": "", "caf\u00e9.txt": "coffee" });
    assert.deepEqual(scan(folder).found.map(({ caption }) => caption), ["coffee"]);
  });
});

Deno.test("scanSources() remarks on files that share a caption", async () => {
  await withFolder((folder) => {
    make(folder, { "a.mp4": "", "a.webm": "", "a.txt": "both" });
    for (const { notes } of scan(folder).found) assert.deepEqual(notes, ['2 files share the caption "a.txt"']);
  });
});

Deno.test("scanSources() takes single files, their repeats, and nothing twice", async () => {
  await withFolder((folder) => {
    make(folder, { "a.mp4": "", "a.txt": "a", "b.mp4": "", "b.txt": "b" });
    const sources = [{ path: join(folder, "b.mp4"), repeats: 3 }, { path: folder, repeats: 1 }];
    const { found, rejected } = scanSources(sources);
    assert.deepEqual(found.map(({ caption, repeats }) => [caption, repeats]), [["a", 1], ["b", 3]]);
    assert.match(rejected[0]?.reason ?? "", /another source already/);
  });
});

Deno.test("scanSources() says which source does not exist", () => {
  assert.throws(() => scan("/nowhere/at all"), /Cannot read the data source "\/nowhere\/at all": it does not exist/);
});

Deno.test("compareBytes() orders by UTF-8 bytes, not by UTF-16 units", () => {
  assert.ok(compareBytes("\uff5e", "😀") < 0);
  assert.ok("\uff5e" > "😀");
});
