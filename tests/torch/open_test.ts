import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findLibtorch, shimFor } from "../../src/setup/mod.ts";
import { SCHEMAS } from "../../src/torch/gen/ops.ts";
import { native } from "../../src/torch/library.ts";
import { libtorchMinor } from "../../src/torch/mod.ts";
import { resolveOperators } from "../../src/torch/open.ts";
import { withFolder } from "../support/tmp.ts";
import { useTorch } from "../support/torch.ts";

await useTorch();

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const { dir: libtorch } = await findLibtorch();
const minor = libtorchMinor(libtorch);

/** What `openTorch` throws in a process of its own, as `name: message`. */
async function refusal(options: { libtorch: string; shim: string; torchMinor: string }): Promise<string> {
  const code = `import { openTorch } from "./src/torch/mod.ts";
    try {
      openTorch(${JSON.stringify(options)});
      console.log("opened");
    } catch (error) {
      console.log(error.name + ": " + error.message + " CURE: " + error.cure);
    }`;
  const command = new Deno.Command(Deno.execPath(), { args: ["eval", "--ext=ts", code], cwd: ROOT, stderr: "inherit" });
  const { stdout, signal } = await command.output();
  assert.equal(signal, null);
  return new TextDecoder().decode(stdout).trim();
}

/** A shared library made of a line of C, or undefined where there is no compiler. */
function compiled(folder: string, options: { name: string; source: string }): string | undefined {
  const path = join(folder, options.name), source = join(folder, `${options.name}.c`);
  writeFileSync(source, options.source);
  try {
    const args = ["-shared", "-fPIC", "-o", path, "-x", "c", source];
    return new Deno.Command("g++", { args }).outputSync().success ? path : undefined;
  } catch {
    // deno-lint-ignore no-console
    console.log("skipped: there is no g++");
    return undefined;
  }
}

Deno.test("openTorch() opens libtorch with the shim made for it", async () => {
  const shim = await shimFor(libtorch, { minor });
  assert.equal(await refusal({ libtorch, shim, torchMinor: minor }), "opened");
});

Deno.test("openTorch() refuses another version of libtorch before it looks at the shim", async () => {
  const found = await refusal({ libtorch, shim: "/nowhere/libwantune.so", torchMinor: "2.99" });
  assert.equal(
    found,
    `SetupError: Cannot use libtorch ${minor} in ${libtorch}: the shim /nowhere/libwantune.so was compiled for 2.99. ` +
      "CURE: Compile one for it with `wantune setup`, or name the libtorch it was made for with --libtorch.",
  );
});

Deno.test("openTorch() says where libtorch is missing", async () => {
  await withFolder(async (folder) => {
    const found = await refusal({ libtorch: folder, shim: "/nowhere", torchMinor: minor });
    assert.match(found, /^SetupError: Cannot open libtorch in \S+: there is no libtorch\.so\. CURE: .*wantune setup/);
  });
});

Deno.test("openTorch() refuses a libtorch.so that is none", async () => {
  await withFolder(async (folder) => {
    writeFileSync(join(folder, "libtorch.so"), "not a library");
    const damaged = await refusal({ libtorch: folder, shim: "/nowhere", torchMinor: minor });
    assert.match(damaged, /^SetupError: Cannot open libtorch in .* CURE: Fetch a fresh copy/);
    if (compiled(folder, { name: "libtorch.so", source: "int other(void) { return 1; }" }) === undefined) return;
    const other = await refusal({ libtorch: folder, shim: "/nowhere", torchMinor: minor });
    assert.match(other, /^SetupError: Cannot open libtorch in .*aoti_torch_abi_version/);
  });
});

Deno.test("openTorch() refuses a missing shim and one that is no library", async () => {
  await withFolder(async (folder) => {
    const missing = await refusal({ libtorch, shim: join(folder, "none.so"), torchMinor: minor });
    assert.match(missing, /^SetupError: Cannot open the shim .*none\.so: .* CURE: Compile it anew/);
    const shim = join(folder, "damaged.so");
    writeFileSync(shim, "not a library");
    assert.match(
      await refusal({ libtorch, shim, torchMinor: minor }),
      /^SetupError: Cannot open the shim .*damaged\.so/,
    );
  });
});

Deno.test("openTorch() refuses a shim of another boundary version, though its functions differ", async () => {
  await withFolder(async (folder) => {
    const shim = compiled(folder, { name: "old.so", source: "int wt_abi(void) { return 1; }" });
    if (shim === undefined) return;
    const found = await refusal({ libtorch, shim, torchMinor: minor });
    assert.match(
      found,
      /^SetupError: Cannot use the shim .*old\.so: it speaks boundary 1, not \d+\. CURE: Compile it anew/,
    );
  });
});

Deno.test("resolveOperators() accepts the schemas that the wrappers were made from", () => {
  resolveOperators(native(), SCHEMAS);
});

Deno.test("resolveOperators() names both schemas where one differs", () => {
  const at = SCHEMAS.findIndex((schema) => schema.startsWith("aten::add.Tensor("));
  const doctored = (SCHEMAS[at] as string).replace("Scalar alpha=1", "Scalar alpha=2");
  assert.throws(() => resolveOperators(native(), SCHEMAS.with(at, doctored)), {
    name: "SetupError",
    message: `Cannot use libtorch ${minor}: an operator differs. ` +
      "It has aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor; " +
      "wantune was made for aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=2) -> Tensor.",
  });
});

Deno.test("resolveOperators() names an operator that libtorch lacks", () => {
  assert.throws(() => resolveOperators(native(), ["aten::no_such_thing.Tensor(Tensor self) -> Tensor"]), {
    message: /libtorch has no operator aten::no_such_thing\.Tensor/,
  });
});
