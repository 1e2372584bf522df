import assert from "node:assert/strict";
import { join } from "node:path";
import { FileFacts, fileState } from "../../src/data/file_facts.ts";
import { withFolder } from "../support/tmp.ts";

/** A file to know something about. */
function write(path: string, text: string): void {
  Deno.writeTextFileSync(path, text);
  Deno.utimeSync(path, 1e9, 1e9);
}

Deno.test("a fact is found out once, and again when the file changes", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "it's a 100 % \u{1f426}\n.mp4");
    write(path, "one");
    let found = 0;
    const ask = async (): Promise<number> => {
      using facts = new FileFacts(join(folder, "cache"));
      return await facts.remember(fileState(path), "probe/1", () => ++found);
    };
    assert.deepEqual([await ask(), await ask()], [1, 1]);
    write(path, "two!");
    assert.deepEqual([await ask(), await ask()], [2, 2]);
    Deno.renameSync(path, `${path}.old`); // same size, same time of change, another inode
    write(path, "six!");
    assert.equal(await ask(), 3);
  });
});

Deno.test("facts that are read ahead are those of the file as it is, with what was found out since", async () => {
  await withFolder((folder) => {
    const paths = ["it's one", "two \u{1f426}", "unknown"].map((name) => join(folder, name));
    paths.forEach((path) => write(path, path));
    const [one, two, unknown] = paths.map(fileState);
    assert.ok(one && two && unknown);
    {
      using facts = new FileFacts(folder);
      facts.keep(one, "probe/1", 1);
      facts.keep(two, "probe/1", 2);
    }
    using facts = new FileFacts(folder);
    facts.readAhead(paths);
    facts.keep(two, "sha256", "abc");
    facts.flush();
    assert.deepEqual(facts.of(one), { "probe/1": 1 });
    assert.deepEqual(facts.of({ ...one, stamp: "other" }), {});
    assert.deepEqual(facts.of(two), { "probe/1": 2, sha256: "abc" });
    assert.deepEqual(facts.of(unknown), {});
  });
});

Deno.test("facts of several kinds and processes stand beside each other", async () => {
  await withFolder((folder) => {
    const state = fileState(folder);
    using first = new FileFacts(folder);
    using second = new FileFacts(folder);
    first.keep(state, "probe/1", { fps: 24, audio: null });
    assert.deepEqual(first.of(state), { "probe/1": { fps: 24, audio: null } });
    second.keep(state, "content/1", "abc");
    first.flush();
    second.flush();
    assert.deepEqual(first.of({ ...state }), { "probe/1": { fps: 24, audio: null }, "content/1": "abc" });
    second.keep({ ...state, stamp: "other" }, "content/1", "def");
    second.flush();
    assert.deepEqual(first.of({ ...state }), {});
    assert.deepEqual(first.of({ ...state, stamp: "other" }), { "content/1": "def" });
  });
});

Deno.test("a damaged file of facts is replaced", async () => {
  await withFolder((folder) => {
    Deno.writeTextFileSync(
      join(folder, "files.db"),
      "no database at all, but long enough to be looked at\n".repeat(99),
    );
    using facts = new FileFacts(folder);
    facts.keep(fileState(folder), "probe/1", 1);
    facts.flush();
    assert.equal(facts.size, 1);
  });
});

Deno.test("files that are gone are forgotten when asked", async () => {
  await withFolder((folder) => {
    using facts = new FileFacts(folder);
    const path = join(folder, "clip.mp4");
    write(path, "one");
    facts.keep(fileState(path), "probe/1", 1);
    facts.keep(fileState(folder), "probe/1", 1);
    Deno.removeSync(path);
    assert.equal(facts.forgetMissing(), 1);
    assert.equal(facts.size, 1);
  });
});
