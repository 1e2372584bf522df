import assert from "node:assert/strict";
import { makeItems, timeStart } from "../bench/items.ts";
import { withFolder } from "../support/tmp.ts";
import { useTorch } from "../support/torch.ts";

await useTorch();

Deno.test("a start with all items known and encoded looks into none of them and encodes nothing", async () => {
  for (const list of [true, false]) {
    await withFolder(async (folder) => {
      await makeItems(folder, 200, { list });
      for (const looks of [true, false]) {
        const { items } = await timeStart(folder, { looks }); // throws if an encoder is asked; the clips are empty files
        assert.equal(items, 200);
      }
    });
  }
});
