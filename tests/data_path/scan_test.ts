import assert from "node:assert/strict";
import { join } from "node:path";
import { type ScanResult, scanSources, sourcesOf } from "../../src/data/mod.ts";
import { compareBytes } from "../../src/data/scan.ts";
import { dataConfig } from "../support/dataset.ts";
import { withFolder } from "../support/tmp.ts";

/** Makes files; those with text are captions, the others hold nothing. */
function make(folder: string, files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    Deno.mkdirSync(join(folder, name, ".."), { recursive: true });
    Deno.writeTextFileSync(join(folder, name), text);
  }
}

/** Scans a folder, or a source with settings of its own. */
function scan(path: string, source: object = {}, data: object = {}): ScanResult {
  return scanSources(sourcesOf(dataConfig({ sources: [{ path, ...source }], ...data })));
}

/** What was found, by the path within the folder. */
function captionsIn(folder: string, { found }: ScanResult): Record<string, readonly string[]> {
  return Object.fromEntries(found.map(({ path, captions }) => [path.slice(folder.length + 1), captions]));
}

const codes = ({ rejected }: ScanResult): unknown[] => rejected.map(({ code }) => code);

Deno.test("scanSources() pairs clips and stills with captions, in the order of the paths' bytes", async () => {
  await withFolder((folder) => {
    make(folder, {
      ...{ "b.MP4": "", "b.txt": "a b", "a/z.webm": "", "a/z.txt": "a z", "é.jpg": "", "é.txt": "e" },
      ...{ "Z.gif": "", "Z.txt": "z", "v2.0.name.mkv": "", "v2.0.name.txt": "dots", "notes.md": "x", "lone.txt": "x" },
    });
    const { found, rejected, numIgnored } = scan(folder);
    const names = found.map(({ path }) => path.slice(folder.length + 1));
    assert.deepEqual(names, ["Z.gif", "a/z.webm", "b.MP4", "v2.0.name.mkv", "é.jpg"]);
    assert.deepEqual(found.map(({ captions }) => captions), [["z"], ["a z"], ["a b"], ["dots"], ["e"]]);
    assert.deepEqual(found.map(({ kind }) => kind), ["clip", "clip", "clip", "clip", "still"]);
    assert.deepEqual(rejected, []);
    assert.equal(numIgnored, 2);
  });
});

Deno.test("scanSources() rejects a missing or empty caption, unless there is a trigger word or it may be empty", async () => {
  await withFolder((folder) => {
    make(folder, { "a.mp4": "", "b.mp4": "", "b.txt": " \r\n\t", "c.mp4": "", "c.txt": "a cat" });
    assert.deepEqual(codes(scan(folder)), ["missing_caption", "empty_caption"]);
    const named = captionsIn(folder, scan(folder, { triggerWord: "ohwx" }));
    assert.deepEqual(named, { "a.mp4": ["ohwx"], "b.mp4": ["ohwx"], "c.mp4": ["ohwx, a cat"] });
    const allowed = scan(folder, {}, { captions: { missing: "empty" } });
    assert.deepEqual(captionsIn(folder, allowed), { "a.mp4": [""], "b.mp4": [""], "c.mp4": ["a cat"] });
    assert.match(allowed.found[0]?.notes.join() ?? "", /no caption and is shown with an empty one/);
  });
});

Deno.test("scanSources() pairs the twin folders videos, images and captions, also where only videos is the source", async () => {
  await withFolder((folder) => {
    make(folder, {
      ...{ "set/videos/a.mp4": "", "set/videos/x/b.mp4": "", "set/images/c.png": "" },
      ...{ "set/captions/a.txt": "a", "set/captions/x/b.txt": "b", "set/captions/c.txt": "c" },
      ...{
        "flat/d.mp4": "",
        "flat/texts/d.txt": "d",
        "flat/e.mp4": "",
        "flat/e.txt": "beside",
        "flat/texts/e.txt": "twin",
      },
    });
    assert.deepEqual(captionsIn(folder, scan(folder)), {
      "flat/d.mp4": ["d"],
      "flat/e.mp4": ["beside"],
      "set/images/c.png": ["c"],
      "set/videos/a.mp4": ["a"],
      "set/videos/x/b.mp4": ["b"],
    });
    const videos = join(folder, "set", "videos");
    assert.deepEqual(captionsIn(videos, scan(videos)), { "a.mp4": ["a"], "x/b.mp4": ["b"] });
    const single = scan(join(videos, "a.mp4"));
    assert.deepEqual(single.found.map(({ captions }) => captions), [["a"]]);
  });
});

Deno.test("scanSources() takes captions from a list, several for a clip, and falls back on text files", async () => {
  await withFolder((folder) => {
    make(folder, {
      ...{ "a.mp4": "", "sub/b.mp4": "", "sub/b.txt": "old b", "c.mp4": "", "c.txt": "c", "d.mp4": "", "d.txt": "d" },
      "captions.jsonl": [
        { file_name: "a.mp4", caption: ["one", "two"] },
        { file_name: "a", caption: "three" },
        { file_name: "sub\\b.mp4", caption: "b" },
        { file_name: "d.mp4", caption: "d" },
      ].map((line) => JSON.stringify(line)).join("\n"),
    });
    const auto = scan(folder);
    assert.deepEqual(captionsIn(folder, auto), {
      "a.mp4": ["one", "two", "three"],
      "c.mp4": ["c"],
      "d.mp4": ["d"],
      "sub/b.mp4": ["b"],
    });
    assert.deepEqual(auto.found.map(({ notes }) => notes.join()), [
      "it is named 2 times in lists of captions; all of these are used",
      "",
      "",
      "its caption is taken from a list, not from its text file",
    ]);
    assert.equal(auto.numIgnored, 0);
    assert.deepEqual(codes(scan(folder, { captions: { from: "list" } })), ["missing_caption"]);
    assert.deepEqual(captionsIn(folder, scan(folder, { captions: { from: "text" } }))["sub/b.mp4"], ["old b"]);
    assert.deepEqual(captionsIn(folder, scan(folder, { captions: { from: "fileName" } }))["sub/b.mp4"], ["b"]);
  });
});

Deno.test("scanSources() says line by line what is wrong with a list", async () => {
  await withFolder((folder) => {
    make(folder, {
      ...{ "in/a.mp4": "", "in/b.mp4": "", "out.mp4": "" },
      "in/captions.csv": "file,caption,mask\na.mp4,a,\nnone.mp4,x,\n../out.mp4,x,\nb.mp4,,\nb.mp4,b,gone.png\n",
    });
    const { found, rejected } = scan(join(folder, "in"));
    assert.deepEqual(found.map(({ captions }) => captions), [["a"]]);
    const told = rejected.map(({ path, line, code }) => [path.slice(folder.length + 1), line, code]);
    assert.deepEqual(told, [
      ["in/b.mp4", undefined, "missing_caption"],
      ["in/captions.csv", 3, "file_not_found"],
      ["in/captions.csv", 4, "path_outside"],
      ["in/captions.csv", 6, "file_not_found"],
      ["in/captions.csv", 5, "missing_caption"],
    ]);
  });
});

Deno.test("scanSources() takes a list as a source, which may name files anywhere, and one from elsewhere for a folder", async () => {
  await withFolder((folder) => {
    make(folder, {
      "data/a.mp4": "",
      "data/b.mp4": "",
      "c.mp4": "",
      "data/b.txt": "from its text file",
      "data/d.mp4": "",
    });
    const [a, c] = [join(folder, "data", "a.mp4"), join(folder, "c.mp4")];
    make(folder, {
      "lists/all.csv": `path,caption\n${a},a\n../c.mp4,c\n../data/b.mp4,\n`,
      "lists/names.json": '{"a.mp4": "listed a", "b.mp4": "listed b"}',
    });
    const brought = scan(join(folder, "lists", "all.csv"));
    assert.deepEqual(brought.found.map(({ path, captions }) => [path, ...captions]), [
      [c, "c"],
      [a, "a"],
      [join(folder, "data", "b.mp4"), "from its text file"],
    ]);
    assert.deepEqual(brought.rejected, []);
    const given = scan(join(folder, "data"), { captions: { list: join(folder, "lists", "names.json"), from: "list" } });
    assert.deepEqual(given.found.map(({ captions }) => captions), [["listed a"], ["listed b"]]);
  });
});

Deno.test("scanSources() finds the first picture and the mask of a clip by name or column, and counts neither as a clip", async () => {
  await withFolder((folder) => {
    make(folder, {
      ...{
        "a.mp4": "",
        "a.txt": "a",
        "a.first.png": "",
        "a.mask.mp4": "",
        "b.jpg": "",
        "b.txt": "b",
        "b-masklabel.png": "",
      },
      ...{ "videos/c.mp4": "", "captions/c.txt": "c", "masks/c.mp4": "", "first_frames/c.webp": "" },
      ...{
        "d.mp4": "",
        "m/d_m.mp4": "",
        "captions.jsonl": '{"file_name": "d.mp4", "caption": "d", "mask": "m/d_m.mp4"}',
      },
      ...{ "masks/carnival.mp4": "", "masks/carnival.txt": "people with masks" },
    });
    const { found, rejected } = scan(folder);
    const named = found.map(({ path, image, mask }) =>
      [path, image, mask].map((one) => one?.slice(folder.length + 1) ?? "-").join(" ")
    );
    assert.deepEqual(named, [
      "a.mp4 a.first.png a.mask.mp4",
      "b.jpg - b-masklabel.png",
      "d.mp4 - m/d_m.mp4",
      "masks/carnival.mp4 - -",
      "videos/c.mp4 first_frames/c.webp masks/c.mp4",
    ]);
    assert.deepEqual(rejected, []);
    const single = scan(join(folder, "a.mp4")).found[0];
    assert.equal(single?.mask, join(folder, "a.mask.mp4"));
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
    assert.deepEqual(found.map(({ captions }) => captions), [["a"], ["b"]]);
    assert.deepEqual(rejected.map(({ path, reason }) => [path.slice(data.length + 1), reason]), [
      ["dead.mp4", "it is a link to nothing"],
      ["loop", "it is a link to a folder that is read already"],
      ["self.mp4", "it is a link that leads to itself"],
    ]);
  });
});

Deno.test("scanSources() refuses pipes at once, also where one is the source", async () => {
  await withFolder((folder) => {
    make(folder, { "p.txt": "pipe" });
    const pipe = join(folder, "p.mp4");
    new Deno.Command("mkfifo", { args: [pipe] }).outputSync();
    for (const path of [folder, pipe]) assert.deepEqual(codes(scan(path)), ["not_a_file"]);
  });
});

Deno.test("scanSources() finds a caption whose name is composed otherwise, beside, in a twin folder or in a list", async () => {
  await withFolder((folder) => {
    const [apart, composed] = ["caf\u0065\u0301", "caf\u00e9"];
    make(folder, {
      [`1/${apart}.mp4`]: "",
      [`1/${composed}.txt`]: "1",
      [`2/${composed}.mp4`]: "",
      [`2/${apart}.txt`]: "2",
    });
    make(folder, { [`3/videos/${apart}.mp4`]: "", [`3/captions/${composed}.txt`]: "3" });
    make(folder, { [`4/${apart}.mp4`]: "", "4/captions.json": JSON.stringify({ [`${composed}.mp4`]: "4" }) });
    assert.deepEqual(scan(folder).found.map(({ captions }) => captions), [["1"], ["2"], ["3"], ["4"]]);
  });
});

Deno.test("scanSources() remarks on files that share a caption", async () => {
  await withFolder((folder) => {
    make(folder, { "a.mp4": "", "a.webm": "", "a.txt": "both" });
    for (const { notes } of scan(folder).found) assert.deepEqual(notes, ['2 files share the caption "a.txt"']);
  });
});

Deno.test("scanSources() takes single files, what each source says for its own, and nothing twice", async () => {
  await withFolder((folder) => {
    make(folder, { "a.mp4": "", "a.txt": "a", "b.mp4": "", "b.txt": "b" });
    const own = { repeats: 3, weight: 0.5, triggerWord: "zwx", captions: { suffix: "!" } };
    const config = dataConfig({
      sources: [{ path: join(folder, "b.mp4"), ...own }, { path: folder }],
      captions: { prefix: "> " },
      triggerWord: "ohwx",
    });
    const { found, rejected } = scanSources(sourcesOf(config));
    assert.deepEqual(found.map(({ captions, repeats, weight, source }) => [...captions, repeats, weight, source]), [
      ["> ohwx, a", 1, 1, 1],
      ["> zwx, b!", 3, 0.5, 0],
    ]);
    assert.match(rejected[0]?.reason ?? "", /another source already/);
  });
});

Deno.test("scanSources() says which source does not exist", () => {
  assert.throws(() => scan("/nowhere/at all"), {
    message: /Cannot read the data source "\/nowhere\/at all": it does not exist/,
    cure: /data\.sources and validation\.sources/,
  });
});

Deno.test("scanSources() warns of captions longer than the text encoder reads, or leaves them out", async () => {
  await withFolder((folder) => {
    make(folder, { "a.mp4": "", "a.txt": "word ".repeat(600) });
    const config = (tooLong: string) => sourcesOf(dataConfig({ sources: [{ path: folder }], captions: { tooLong } }));
    const countTokens = (text: string): number => text.split(" ").length + 1;
    const warned = scanSources(config("warn"), { countTokens });
    assert.deepEqual(warned.found[0]?.notes, ["its caption has 601 tokens; the text encoder reads the first 512"]);
    assert.deepEqual(codes(scanSources(config("reject"), { countTokens })), ["caption_too_long"]);
  });
});

Deno.test("compareBytes() orders by UTF-8 bytes, not by UTF-16 units", () => {
  assert.ok(compareBytes("\uff5e", "😀") < 0);
  assert.ok("\uff5e" > "😀");
  const encoder = new TextEncoder();
  const words = ["", "a", "ab", "b", "é", "\ud7ff", "\ue000", "\uffff", "😀", "😀a", "𐀀", "a😀", "a\uff5e"];
  for (const a of words) {
    for (const b of words) {
      const [x, y] = [encoder.encode(a), encoder.encode(b)];
      const at = x.findIndex((byte, index) => byte !== y[index]);
      const wanted = a === b ? 0 : at < 0 ? -1 : (x[at] ?? 0) - (y[at] ?? -1);
      assert.equal(Math.sign(compareBytes(a, b)), Math.sign(wanted), `${a} ${b}`);
    }
  }
});
