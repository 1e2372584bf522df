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

Deno.test("a seed or a batch beside noise that is given is refused, as it has no effect", () =>
  withFolder((folder) => {
    const given = { prompt: "a cat", initialLatents: "n.safetensors" };
    assert.equal(wishedVideos({ ...given, batch: 1 }).length, 1);
    assert.throws(() => wishedVideos({ ...given, seed: 3 }), /noise in "n\.safetensors" and draw some too/);
    assert.throws(() => wishedVideos({ ...given, batch: 2 }), /and draw some too/);
    const prompts = `${folder}/prompts.txt`;
    writeFileSync(prompts, "a cat --initial-latents n.safetensors\na dog\n");
    const [cat, dog] = wishedVideos({ prompts, seed: 3 });
    assert.deepEqual([cat?.wishes.seed, dog?.wishes.seed], [0, 3]);
    writeFileSync(prompts, "a cat --initial-latents n.safetensors --seed 3\n");
    assert.throws(() => wishedVideos({ prompts }), /and draw some too/);
  }));

Deno.test("names that were chosen may not be doubled, figures and tensors included", () => {
  const make = (saveTensors: string): unknown => wishedVideos({ prompt: "a cat", out: "/x/q.mp4", saveTensors });
  make("/x/q.json");
  for (const name of ["/x/q.mp4", "/x/q.mp4.json"]) {
    assert.throws(() => make(name), new RegExp(`two of them would be written to ${name}`));
  }
});
