import assert from "node:assert/strict";
import { join } from "node:path";
import { Pace } from "../../src/cli/live_line.ts";
import { wantune } from "../support/cli.ts";
import { COMMIT, REPO, withHub } from "../support/hub.ts";
import { withFolder } from "../support/tmp.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const MODEL = {
  "model_index.json": bytes("{}"),
  "README.md": bytes("#"),
  "vae/config.json": bytes("{ }"),
  "vae/diffusion_pytorch_model.safetensors": new Uint8Array(200_000).map((_, i) => i * 7),
};

Deno.test("wantune model get fetches a model, says what it did, and gives errors in one line", () =>
  withFolder((folder) =>
    withHub(MODEL, async (hub) => {
      const env = { HF_ENDPOINT: `${hub.endpoint}/`, HF_TOKEN: "" };
      const out = join(folder, "model");
      const { code, stdout, stderr } = await wantune(["model", "get", REPO, "--out", out, "--json"], { env });
      assert.equal(code, 0, stderr);
      const { files, commit, totalBytes, fetchedBytes } = JSON.parse(stdout);
      assert.deepEqual(files, ["model_index.json", "vae/config.json", "vae/diffusion_pytorch_model.safetensors"]);
      assert.deepEqual([commit, totalBytes, fetchedBytes], [COMMIT, 200_005, 200_005]);
      assert.match(stderr, /^fetching Some-One\/some-model\n$/);
      assert.deepEqual(
        Deno.readFileSync(join(out, "vae/diffusion_pytorch_model.safetensors")),
        MODEL["vae/diffusion_pytorch_model.safetensors"],
      );
      const missing = await wantune(["model", "get", REPO, "--revision", "v2", "--out", out], { env });
      assert.equal(missing.code, 2);
      assert.match(missing.stderr, /^wantune: Cannot fetch .* it has no revision "v2" \(404\)\. .*\n$/);
    })
  ));

Deno.test("Pace tells bytes, pace and the time left", () => {
  let now = 0;
  const pace = new Pace(() => now);
  assert.equal(pace.describe({ doneBytes: 0, totalBytes: 2 ** 21 }), "0 B of 2.0 MiB");
  now = 2000;
  assert.equal(
    pace.describe({ doneBytes: 2 ** 20, totalBytes: 2 ** 21 }),
    "1.0 MiB of 2.0 MiB  512.0 KiB/s  2.0 s left",
  );
  assert.equal(pace.describe({ doneBytes: 5, totalBytes: undefined, movedBytes: 0 }), "5 B  0 B/s");
});
