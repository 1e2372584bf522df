import assert from "node:assert/strict";
import { describeTrained } from "../../src/train/outputs_metadata.ts";
import { runConfig } from "../support/train_config.ts";

const dimAndAlpha = (entries: Record<string, string>): unknown[] => [entries.ss_network_dim, entries.ss_network_alpha];

Deno.test("the header of a word's file has the vectors that it has, whatever the config asks for", () => {
  const config = runConfig({ method: { kind: "embedding", vectors: 5 } });
  const session = { config, variant: "wan2.2-ti2v-5b", text: { word: { numVectors: 3 } } };
  assert.deepEqual(dimAndAlpha(describeTrained(session, { of: [], taken: {}, folded: false })), ["3", "3"]);
});

Deno.test("the header of the text encoder's own file has its rank and alpha", () => {
  const config = runConfig({ method: { rank: 4, textEncoder: { rank: 2, alpha: 1 } } });
  const session = { config, variant: "wan2.2-t2v-a14b" };
  const of = (isText: boolean): unknown[] =>
    dimAndAlpha(describeTrained(session, { of: [], taken: {}, folded: false, isText }));
  assert.deepEqual(of(true), ["2", "1"]);
  assert.deepEqual(of(false), ["4", "4"]);
});
