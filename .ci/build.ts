// deno-lint-ignore-file no-console
/**
 * Makes dist/wantune: one bundle (so that stack traces stay mapped and nothing unused is carried), then one executable
 * with the presets, the demo, the shim's sources and a prebuilt shim for the libtorch found here.
 *
 * `DENORT_BIN` names the runtime to put into the executable where Deno cannot download it.
 */

import { cpSync, mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname ?? ".", "..");
/** Everything that goes into the executable, laid out as in the repository. */
const stage = join(root, "dist", "stage");
const target = join(root, "dist", Deno.build.os === "windows" ? "wantune.exe" : "wantune");

rmSync(stage, { recursive: true, force: true });
mkdirSync(join(stage, "dist", "shims"), { recursive: true });
mkdirSync(join(stage, "ffi"));

cpSync(join(root, "presets"), join(stage, "presets"), { recursive: true });
for (const name of readdirSync(join(root, "ffi")).filter((name) => /\.(cpp|h)$/.test(name))) {
  cpSync(join(root, "ffi", name), join(stage, "ffi", name));
}
deno("run", "-A", "ffi/build.ts", "--out", join(stage, "dist", "shims", "libwantune-{minor}.so"));
deno("bundle", "--quiet", "--keep-names", "--sourcemap=inline", "-o", join(stage, "main.js"), "main.ts");
// No code cache: the executable would write it to /tmp.
const include = ["presets", "ffi", "dist"].flatMap((name) => ["--include", join(stage, name)]);
const options = ["--quiet", "--allow-all", "--no-check", "--no-code-cache", "--output", target];
deno("compile", ...options, ...include, join(stage, "main.js"));
rmSync(stage, { recursive: true });
console.log(`${target} (${(statSync(target).size / 1e6).toFixed(1)} MB)`);

/** Runs deno in the repository; its failure ends the build. */
function deno(...args: string[]): void {
  const { code } = new Deno.Command(Deno.execPath(), { args, cwd: root, stdout: "inherit", stderr: "inherit" })
    .outputSync();
  if (code === 0) return;
  console.error(`build: deno ${args[0]} failed`);
  if (args[0] === "compile") {
    console.error("build: if its runtime cannot be downloaded, name one for this version with DENORT_BIN");
  }
  Deno.exit(1);
}
