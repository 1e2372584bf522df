import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { basename } from "node:path";
import { wishedVideos } from "../../src/cli/sample/orders.ts";
import { withFolder } from "../support/tmp.ts";

Deno.test("names that nobody chose take no other file's place", () =>
  withFolder((folder) => {
    const before = Deno.cwd();
    Deno.chdir(folder);
    try {
      const names = (): string[] => wishedVideos({ prompt: "a cat", batch: 2 }).map(({ path }) => basename(path));
      assert.deepEqual(names(), ["sample-0.mp4", "sample-1.mp4"]);
      for (const name of ["sample-0.mp4", "sample-0_2.mp4", "sample-1.mp4.json"]) writeFileSync(name, "");
      assert.deepEqual(names(), ["sample-0_3.mp4", "sample-1_2.mp4"]);
    } finally {
      Deno.chdir(before);
    }
  }));

Deno.test("names that were chosen may not be doubled, figures and tensors included", () => {
  const make = (saveTensors: string): unknown => wishedVideos({ prompt: "a cat", out: "/x/q.mp4", saveTensors });
  make("/x/q.json");
  for (const name of ["/x/q.mp4", "/x/q.mp4.json"]) {
    assert.throws(() => make(name), new RegExp(`two of them would be written to ${name}`));
  }
});
