import assert from "node:assert/strict";
import { join } from "node:path";
import { type CaptionList, readCaptionList } from "../../src/data/caption_list.ts";
import { guessSeparator, readCsv } from "../../src/data/csv.ts";
import { withFolder } from "../support/tmp.ts";

/** Reads a list with this name and text. */
async function read(name: string, text: string, others: Record<string, string> = {}): Promise<CaptionList> {
  return await withFolder((folder) => {
    for (const [other, content] of Object.entries(others)) Deno.writeTextFileSync(join(folder, other), content);
    Deno.writeTextFileSync(join(folder, name), text);
    return readCaptionList(join(folder, name), { encoding: "auto" });
  });
}

const short = ({ entries }: CaptionList): unknown[] => entries.map(({ name, captions }) => [name, ...captions]);

Deno.test("readCaptionList() understands the spellings of other trainers", async () => {
  const records = [
    { file_name: "a.mp4", text: "datasets" },
    { video_path: "/data/a.mp4", caption: "musubi-tuner" },
    { image_path: "a.png", caption: "a picture" },
    { file_path: "a.mp4", text: "VideoX-Fun", type: "video" },
    { video: "a.mp4", prompt: "DiffSynth", input_image: "a.png", mask: "m.mp4" },
    { path: "a.mp4", caption: ["one", "two"], fps: 24 },
    { "File Name": "a.mp4", caption_1: "one", caption_2: "two" },
    { file: "a.mp4", caption_short: "brief", caption_long: "at length" },
  ];
  const list = await read("metadata.jsonl", records.map((one) => JSON.stringify(one)).join("\n"));
  assert.deepEqual(short(list), [
    ["a.mp4", "datasets"],
    ["/data/a.mp4", "musubi-tuner"],
    ["a.png", "a picture"],
    ["a.mp4", "VideoX-Fun"],
    ["a.mp4", "DiffSynth"],
    ["a.mp4", "one", "two"],
    ["a.mp4", "one", "two"],
    ["a.mp4", "brief", "at length"],
  ]);
  assert.deepEqual(list.entries[4], {
    place: "line 5",
    line: 5,
    name: "a.mp4",
    captions: ["DiffSynth"],
    image: "a.png",
    mask: "m.mp4",
  });
  assert.deepEqual(list.problems, []);
});

Deno.test("readCaptionList() names each wrong line of JSON lines and uses the others", async () => {
  const list = await read(
    "captions.jsonl",
    '\ufeff{"file_name": "a.mp4", "caption": "x"}\r\n\r\nno\r\n[1]\r\n{"file_name": 3}\n',
  );
  assert.deepEqual(short(list), [["a.mp4", "x"]]);
  assert.deepEqual(list.problems.map(({ line, code }) => [line, code]), [
    [3, "json_syntax"],
    [4, "line_type"],
    [5, "file_name_type"],
  ]);
  for (const { line, reason } of list.problems) assert.ok(reason.startsWith(`line ${line}: `), reason);
});

Deno.test("readCaptionList() reads JSON as a list, or as captions by file name", async () => {
  assert.deepEqual(short(await read("captions.json", '[{"file_name": "a.mp4", "caption": "x"}]')), [["a.mp4", "x"]]);
  const named = '{"a.mp4": "x", "b.mp4": ["y", "z"], "c.mp4": {"caption": "c"}}';
  assert.deepEqual(short(await read("captions.json", named)), [["a.mp4", "x"], ["b.mp4", "y", "z"], ["c.mp4", "c"]]);
  const broken = await read("captions.json", '[\n{"file_name": "a.mp4"},\n oops]');
  assert.match(broken.problems[0]?.reason ?? "", /^line 3: it is not JSON/);
  assert.equal((await read("captions.json", "42")).problems[0]?.code, "list_format");
});

Deno.test("readCaptionList() reads tables with quotes, and says when their head names no files", async () => {
  const table = 'video;prompt\r\na.mp4;"a ""big"" cat;\nasleep"\r\n\r\nb.mp4;\r\nc.mp4;c\r\n';
  const list = await read("metadata.csv", table);
  assert.deepEqual(short(list), [["a.mp4", 'a "big" cat;\nasleep'], ["b.mp4"], ["c.mp4", "c"]]);
  assert.deepEqual(list.entries.map(({ line }) => line), [2, 5, 6]);
  assert.deepEqual(short(await read("captions.tsv", "a.mp4\tone\tuno\nb.mp4\ttwo\n")), [["a.mp4", "one", "uno"], [
    "b.mp4",
    "two",
  ]]);
  const headless = await read("captions.csv", "id,words\n1,x\n");
  assert.match(headless.problems[0]?.reason ?? "", /names no column of files \(id, words\)/);
  const open = await read("captions.csv", 'file,caption\na.mp4,"never closed\nb.mp4,x\n');
  assert.deepEqual(open.problems.map(({ line, code }) => [line, code]), [[2, "list_format"]]);
});

Deno.test("readCaptionList() reads a line for each file, by whatever stands between name and caption", async () => {
  const text = "a.mp4|one\nmy clip.mov\ttwo, too\n'c.webm': three\nd.mp4 four. five.mp4 is a name\nno name here\n";
  const list = await read("captions.txt", text);
  assert.deepEqual(short(list), [
    ["a.mp4", "one"],
    ["my clip.mov", "two, too"],
    ["c.webm", "three"],
    ["d.mp4", "four. five.mp4 is a name"],
  ]);
  assert.deepEqual(list.problems.map(({ line, code }) => [line, code]), [[5, "missing_file_name"]]);
  const parallel = await read("prompts.txt", "one\ntwo\n", { "videos.txt": "videos/1.mp4\nvideos/2.mp4\n" });
  assert.deepEqual(short(parallel), [["videos/1.mp4", "one"], ["videos/2.mp4", "two"]]);
});

Deno.test("readCsv() counts lines through quoted cells, and takes the separator that the head uses most", () => {
  const rows = [...readCsv('a,b\n"1\n2","x"y\n3', ",")];
  assert.deepEqual(rows.map(({ line, cells }) => [line, ...cells]), [[1, "a", "b"], [2, "1\n2", "xy"], [4, "3"]]);
  assert.equal(guessSeparator("a;b,c;d\nx,y,z,w"), ";");
});
