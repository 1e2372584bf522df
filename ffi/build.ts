// deno-lint-ignore-file no-console
/**
 * Compiles the shim for a libtorch and prints its path. `deno run -A ffi/build.ts [--libtorch DIR] [--out FILE]`;
 * nothing is compiled when the cache already holds one made from the same sources.
 */
import { parseArgs } from "node:util";
import { findLibtorch } from "../src/setup/mod.ts";
import { shimFor } from "../src/setup/shim.ts";
import { libtorchMinor } from "../src/torch/mod.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: { libtorch: { type: "string" }, out: { type: "string" }, force: { type: "boolean" } },
});
const libtorch = (await findLibtorch(values.libtorch === undefined ? {} : { libtorch: values.libtorch })).dir;
const minor = libtorchMinor(libtorch);
const path = await shimFor(libtorch, {
  minor,
  ...(values.force === undefined ? {} : { force: values.force }),
  say: (line) => console.error(line),
});
if (values.out !== undefined) Deno.copyFileSync(path, values.out.replace("{minor}", minor));
console.log(values.out?.replace("{minor}", minor) ?? path);
