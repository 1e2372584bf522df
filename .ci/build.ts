// deno-lint-ignore-file no-console
/**
 * Makes dist/wantune: bundled first (so that stack traces stay mapped and nothing unused is carried; in pieces, so that
 * `--help` loads only what it needs), then one executable with the presets, the demo, the shim's sources and a prebuilt
 * shim for the libtorch found here.
 *
 * `DENORT_BIN` names the runtime to put into the executable where Deno cannot download it; else a tool beside the checkout
 * that prints one, `tools/denort` in a neighbouring folder, is asked. Exits 3 if there is no runtime at all.
 */

import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const NO_RUNTIME = 3;

const root = join(import.meta.dirname ?? ".", "..");
/** Everything that goes into the executable, laid out as in the repository. */
const stage = join(root, "dist", "stage");
const target = join(root, "dist", Deno.build.os === "windows" ? "wantune.exe" : "wantune");

const env = runtime();
rmSync(stage, { recursive: true, force: true });
mkdirSync(join(stage, "dist", "shims"), { recursive: true });
mkdirSync(join(stage, "ffi"));

cpSync(join(root, "presets"), join(stage, "presets"), { recursive: true });
for (const name of readdirSync(join(root, "ffi")).filter((name) => /\.(cpp|h)$/.test(name))) {
  cpSync(join(root, "ffi", name), join(stage, "ffi", name));
}
need(deno("run", "-A", "ffi/build.ts", "--out", join(stage, "dist", "shims", "libwantune-{minor}.so")));
need(deno("bundle", "--quiet", "--keep-names", "--code-splitting", "--sourcemap=inline", "--outdir", stage, "main.ts"));
// No code cache: the executable would write it to /tmp.
const options = ["--quiet", "--allow-all", "--no-check", "--no-code-cache"];
if (!deno("compile", ...options, "--include", stage, "--output", target, join(stage, "main.js"))) {
  console.error("build: deno compile failed");
  Deno.exit(canCompile() ? 1 : NO_RUNTIME);
}
rmSync(stage, { recursive: true });
console.log(`${target} (${(statSync(target).size / 1e6).toFixed(1)} MB)`);

/** Runs deno in the repository. @returns whether it succeeded */
function deno(...args: string[]): boolean {
  const options = { args, cwd: root, env, stdout: "inherit", stderr: "inherit" } as const;
  return new Deno.Command(Deno.execPath(), options).outputSync().success;
}

function need(success: boolean): void {
  if (!success) Deno.exit(1);
}

/** The environment in which `deno compile` finds its runtime. */
function runtime(): Record<string, string> {
  if (Deno.env.get("DENORT_BIN")) return {};
  const parent = join(root, "..");
  for (const name of readdirSync(parent)) {
    const tool = join(parent, name, "tools", "denort");
    if (!existsSync(tool)) continue;
    const { success, stdout } = new Deno.Command(tool, { stderr: "inherit" }).outputSync();
    if (success) return { DENORT_BIN: new TextDecoder().decode(stdout).trim() };
  }
  return {};
}

/** Whether a runtime can be had at all: tells a machine without one from a program that does not compile. */
function canCompile(): boolean {
  writeFileSync(join(stage, "probe.ts"), "");
  const able = deno("compile", "--quiet", "--no-check", "--output", join(stage, "probe"), join(stage, "probe.ts"));
  if (!able) console.error("build: deno cannot download its runtime; name one for this version with DENORT_BIN");
  return able;
}
