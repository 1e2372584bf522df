import assert from "node:assert/strict";
import { withSession } from "../support/session.ts";
import { withFolder } from "../support/tmp.ts";
import { useTorch } from "../support/torch.ts";

await useTorch();

Deno.test("what is in the cache needs no encoder: a second start loads the transformer alone", () =>
  withFolder(async (folder) => {
    const loadedBy = async (sections = {}): Promise<string[]> => {
      const loaded = new Set<string>();
      await withSession({
        folder,
        sections,
        emit: (event) => {
          if (event.type === "stage" && event.stage === "loading") loaded.add(event.item ?? "");
          return event;
        },
      }, () => {});
      return [...loaded];
    };
    assert.deepEqual(await loadedBy(), ["text encoder", "VAE", "transformer"]);
    assert.deepEqual(await loadedBy(), ["transformer"]);
    // A prompt of the samples that is new wants the text encoder, and a new size of the clips the VAE.
    const sample = { prompts: ["a prompt that no caption is"], width: 64, height: 64, numFrames: 5 };
    assert.deepEqual(await loadedBy({ sample }), ["text encoder", "transformer"]);
    assert.deepEqual(await loadedBy({ data: { numFrames: 1 } }), ["VAE", "transformer"]);
  }));
