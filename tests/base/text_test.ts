import assert from "node:assert/strict";
import { join } from "node:path";
import {
  assetPath,
  cacheHome,
  editDistance,
  formatBytes,
  formatDuration,
  homeFolder,
  nearest,
  resolvePath,
} from "../../src/base/mod.ts";

Deno.test("formatDuration() picks the unit and never shows 60 of the smaller one", () => {
  const cases: [number, string][] = [
    [0, "0.0 s"],
    [0.84, "0.8 s"],
    [9.99, "10 s"],
    [59.6, "1 min 00 s"],
    [185, "3 min 05 s"],
    [3599.7, "1 h 00 min"],
    [7620, "2 h 07 min"],
    [86_399, "1 d 00 h"],
    [4 * 86_400 + 3 * 3600, "4 d 03 h"],
    [Infinity, "?"],
  ];
  for (const [seconds, text] of cases) assert.equal(formatDuration(seconds), text);
});

Deno.test("formatBytes() counts in powers of 1024", () => {
  assert.equal(formatBytes(512), "512 B");
  assert.equal(formatBytes(1536), "1.5 KiB");
  assert.equal(formatBytes(24 * 2 ** 30), "24.0 GiB");
});

Deno.test("nearest() finds misspelt and differently written words, and nothing far off", () => {
  const words = ["learningRate", "rank", "alpha", "batchSize"];
  assert.equal(nearest("learning_rate", words), "learningRate");
  assert.equal(nearest("lerningRate", words), "learningRate");
  assert.equal(nearest("arnk", words), "rank");
  assert.equal(nearest("zebra", words), undefined);
  assert.equal(editDistance("kitten", "sitting"), 3);
  assert.equal(editDistance("ab", "ba"), 1);
});

Deno.test("cacheHome() follows WANTUNE_CACHE, then XDG_CACHE_HOME, then the home folder", () => {
  const before = ["WANTUNE_CACHE", "XDG_CACHE_HOME"].map((name) => [name, Deno.env.get(name)] as const);
  try {
    Deno.env.set("WANTUNE_CACHE", "/w");
    Deno.env.set("XDG_CACHE_HOME", "/x");
    assert.equal(cacheHome(), "/w");
    Deno.env.delete("WANTUNE_CACHE");
    assert.equal(cacheHome(), "/x/wantune");
    Deno.env.set("XDG_CACHE_HOME", "relative");
    assert.equal(cacheHome(), join(homeFolder(), ".cache", "wantune"));
  } finally {
    for (const [name, value] of before) value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
  }
});

Deno.test("resolvePath() knows the home folder and the base; assetPath() finds what ships", () => {
  assert.equal(resolvePath("~/a", "/b"), join(homeFolder(), "a"));
  assert.equal(resolvePath("../a", "/b/c"), "/b/a");
  assert.equal(resolvePath("/a", "/b"), "/a");
  assert.ok(assetPath("presets")?.endsWith("/presets"));
  assert.equal(assetPath("no/such/asset"), undefined);
});
