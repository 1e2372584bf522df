// The same program on another minor version and another build of libtorch: 2.14 for CUDA, whose folder
// WANTUNE_LIBTORCH_2_14 names. `pip download --no-deps torch==2.14.1` and the nvidia wheels that it names, unpacked into
// one folder, make one; no GPU is needed.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findLibtorch, shimFor } from "../../src/setup/mod.ts";
import { libtorchMinor } from "../../src/torch/mod.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const named = Deno.env.get("WANTUNE_LIBTORCH_2_14");
const own = (await findLibtorch()).dir;
const minor = libtorchMinor(own);
if (!named) {
  // deno-lint-ignore no-console
  console.log("skipped: WANTUNE_LIBTORCH_2_14 names no folder with libtorch 2.14 for CUDA");
}

/** Runs the program's Deno on something, with libtorch 2.14; its output, asserting success. */
async function run(args: string[]): Promise<string> {
  const { dir } = await findLibtorch({ libtorch: named ?? "" });
  const command = new Deno.Command(Deno.execPath(), { args, cwd: ROOT, env: { WANTUNE_LIBTORCH: dir, NO_COLOR: "1" } });
  const { success, stdout, stderr } = await command.output();
  const text = new TextDecoder().decode(stdout);
  assert(success, text.slice(-4000) + new TextDecoder().decode(stderr).slice(-2000));
  return text;
}

Deno.test({
  name: "libtorch 2.14 for CUDA has every operator with the schema the wrappers were made from",
  ignore: !named,
  async fn(): Promise<void> {
    const { dir, version } = await findLibtorch({ libtorch: named ?? "" });
    assert.match(version, /^2\.14\./);
    assert(existsSync(join(dir, "libtorch_cuda.so")), "this is not a build for CUDA");
    await run(["run", "-A", "--no-check", "ffi/generate.ts", "--check"]);
  },
});

Deno.test({
  name: "libtorch 2.14 is refused with the shim of another version",
  ignore: !named,
  async fn(): Promise<void> {
    const { dir } = await findLibtorch({ libtorch: named ?? "" });
    const options = { libtorch: dir, shim: await shimFor(own, { minor }), torchMinor: minor };
    const code = `import { openTorch } from "./src/torch/mod.ts";
      try { openTorch(${JSON.stringify(options)}); } catch (error) { console.log(error.message); }`;
    assert.match(await run(["eval", "--ext=ts", code]), /^Cannot use libtorch 2\.14 in .* was compiled for 2\.\d+\.$/m);
  },
});

Deno.test({
  name: "tensors, layers, the block engine and the golden cases pass with libtorch 2.14 for CUDA on the host",
  ignore: !named,
  async fn(): Promise<void> {
    const places = [
      "tests/torch",
      "tests/nn",
      "tests/optim",
      "tests/parallel",
      "tests/ffi/leak_test.ts",
      "tests/golden_test.ts",
    ];
    assert.match(await run(["test", "-A", "--no-check", ...places]), /ok \| \d+ passed .*\| 0 failed/);
  },
});
