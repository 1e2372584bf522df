import assert from "node:assert/strict";
import { wantune } from "../support/cli.ts";

const DEMO = new URL("../../presets/demo/model", import.meta.url).pathname;

Deno.test("wantune model info shows a folder and a variant", async () => {
  const [folder, variant, json, none] = await Promise.all([
    wantune(["model", "info", DEMO]),
    wantune(["model", "info", "wan2.2-ti2v-5b"]),
    wantune(["model", "info", DEMO, "--json"]),
    wantune(["model", "info", "wan2.2-ti2v-5"]),
  ]);
  assert.equal(folder.code, 0, folder.stderr);
  assert.match(folder.stdout, /: WAN 2\.2 TI2V-5B, of another size than the published one\n/);
  assert.match(folder.stdout, /\ntransformer +present +2,888,512 +150 +5\.5 MiB +float16\n/);
  assert.match(variant.stdout, /\ntransformer +4,999,787,712 +825 +9\.3 GiB +18\.6 GiB\n/);
  assert.match(variant.stdout, /made for 1280x704, 704x1280; 121 frames at 24 fps, 50 steps, guidance 5, shift 5/);
  const { parts, variant: name } = JSON.parse(json.stdout);
  assert.equal(name, "wan2.2-ti2v-5b");
  assert.deepEqual(parts.map(({ state }: { state: string }) => state), ["present", "present", "present", "present"]);
  assert.equal(none.code, 2);
  assert.match(none.stderr, /Did you mean wan2\.2-ti2v-5b\?/);
});
