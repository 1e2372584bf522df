/** What can go wrong around a run: one line with the cure, the right exit code, and nothing lost. */

import assert from "node:assert/strict";
import { cpSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { wantuneCommand } from "../support/cli.ts";
import { withSmallDisk } from "../support/tmp.ts";
import {
  assertRefused,
  assertSameOutputs,
  CLIP,
  MODEL,
  parseEvents,
  TrainProcess,
  withWorkplace,
} from "../support/workplace.ts";

const BROKEN = join(import.meta.dirname ?? ".", "..", "data", "hostile", "broken");

/** A folder with links to programs, to stand alone on the PATH. */
function folderOfPrograms(folder: string, ...names: readonly string[]): string {
  const path = join(folder, `bin-${names.join("-")}`);
  mkdirSync(path);
  for (const name of names) {
    const { stdout } = new Deno.Command("which", { args: [name] }).outputSync();
    symlinkSync(new TextDecoder().decode(stdout).trim(), join(path, name));
  }
  return path;
}

Deno.test("missing ffmpeg is told before anything is made", () =>
  withWorkplace(async ({ folder, config, run, runs }) => {
    const env = { PATH: folderOfPrograms(folder) };
    const pattern = /^wantune: Cannot read video: ffmpeg is not on the PATH\. Install it with .*\n$/;
    assertRefused(await run(["train", config("cat")], { env }), 2, pattern);
    assert.deepEqual(runs(), []);
    assertRefused(await run(["sample", "--model", MODEL, "--prompt", "a cat"], { env }), 2, pattern);
  }));

Deno.test("a card that is not there is told before anything is made", () =>
  withWorkplace(async ({ config, run, runs }) => {
    const pattern = /^wantune: Cannot use the device cuda:99: libtorch sees .*\. Take .*\n$/;
    const refused = await run(["train", config("cat"), "--set", "model.device=cuda:99"]);
    assertRefused(refused, 2, pattern);
    assert.deepEqual(runs(), []);
  }));

Deno.test("missing libtorch is told before anything is made", () =>
  withWorkplace(async ({ folder, config, run, runs }) => {
    const env = {
      PATH: folderOfPrograms(folder, "ffmpeg", "ffprobe"), // and no Python, which may have a libtorch
      WANTUNE_LIBTORCH: "",
      WANTUNE_CACHE: join(folder, "empty"),
    };
    assertRefused(
      await run(["train", config("cat")], { env }),
      2,
      /^wantune: Cannot find libtorch on this machine\. Run `wantune setup` to fetch it, or .*\n$/,
    );
    assertRefused(
      await run(["train", config("cat"), "--libtorch", folder]),
      2,
      /^wantune: Cannot use libtorch in .*: there is no libtorch\.so\. .*`wantune setup`.*\n$/,
    );
    assert.deepEqual(runs(), []);
  }));

Deno.test("another version of libtorch is refused by what it says of itself, and by what stands beside it", () =>
  withWorkplace(async ({ folder, config, env, run, runs }) => {
    const lib = join(folder, "torch", "lib");
    mkdirSync(lib, { recursive: true });
    symlinkSync(join(env.WANTUNE_LIBTORCH ?? "", "libtorch.so"), join(lib, "libtorch.so"));
    Deno.writeTextFileSync(join(dirname(lib), "version.py"), "__version__ = '2.3.1+cpu'\n");
    assertRefused(
      await run(["train", config("cat"), "--libtorch", lib]),
      2,
      /^wantune: Cannot use libtorch 2\.3\.1\+cpu in .*: versions 2\.11 to 2\.14 are supported\. .*\n$/,
    );
    const other = join(folder, "other");
    mkdirSync(other);
    const source = join(folder, "other.c");
    const version = (2n << 56n) | (3n << 48n);
    Deno.writeTextFileSync(source, `unsigned long aoti_torch_abi_version(void) { return ${version}ul; }\n`);
    const { success } = new Deno.Command("g++", {
      args: ["-x", "c", "-shared", "-fPIC", "-o", join(other, "libtorch.so"), source],
    }).outputSync();
    assert.ok(success);
    assertRefused(
      await run(["train", config("cat"), "--libtorch", other]),
      2,
      /^wantune: Cannot use libtorch 2\.3 .*\n$/,
    );
    assert.deepEqual(runs(), []);
  }));

Deno.test("an unknown key is refused with the key that was probably meant", () =>
  withWorkplace(async ({ config, run, runs }) => {
    const path = config("cat", { optim: { learningrate: 1e-4 } });
    assertRefused(await run(["train", path]), 2, /^wantune: .*optim\.learningrate.*[Dd]id you mean.*learningRate.*\n$/);
    assert.deepEqual(runs(), []);
  }));

Deno.test("corrupt weights are refused, each with the file and what is wrong with it", () =>
  withWorkplace(async ({ folder, config, run }) => {
    const model = join(folder, "model");
    cpSync(MODEL, model, { recursive: true });
    const path = config("cat", { model: { weights: model } });
    const damage = async (
      file: string,
      change: (bytes: Uint8Array) => Uint8Array,
      pattern: RegExp,
    ): Promise<void> => {
      const target = join(model, file);
      const whole = Deno.readFileSync(target);
      Deno.writeFileSync(target, change(whole.slice()));
      assertRefused(await run(["train", path]), 3, pattern);
      Deno.writeFileSync(target, whole);
    };
    const transformer = "transformer/diffusion_pytorch_model.safetensors";
    const flip = (bytes: Uint8Array): Uint8Array => bytes.map((byte, i) => i >= 20 && i < 40 ? byte ^ 0xff : byte);
    await damage(transformer, flip, /^wantune: Cannot read .*transformer\/.*\.safetensors.*\n$/);
    await damage(transformer, (bytes) => bytes.slice(0, 1_000_000), /^wantune: Cannot read .*transformer\/.*\n$/);
    await damage("vae/diffusion_pytorch_model.safetensors", flip, /^wantune: Cannot read .*vae\/.*\n$/);
    await damage(
      "text_encoder/model.safetensors",
      (bytes) => bytes.slice(0, 5),
      /^wantune: Cannot read .*text_encoder.*\n$/,
    );
    const rename = (bytes: Uint8Array): Uint8Array => renamed(bytes, "proj_out.weight", "proj_oot.weight");
    await damage(
      transformer,
      rename,
      /^wantune: Cannot load the transformer .*missing: proj_out\.weight.*proj_oot\.weight.*\n$/,
    );
    assert.equal((await run(["train", path])).code, 0);
  }));

/** The bytes with the first occurrence of one name replaced by another of the same length. */
function renamed(bytes: Uint8Array, from: string, to: string): Uint8Array {
  const letters = new TextEncoder().encode(from);
  const at = bytes.findIndex((_, i) => letters.every((letter, j) => bytes[i + j] === letter));
  assert.ok(at > 0);
  const copy = bytes.slice();
  copy.set(new TextEncoder().encode(to), at);
  return copy;
}

Deno.test("an unreadable clip is left out with its reason, or ends the run where the config says so", () =>
  withWorkplace(async ({ folder, config, run }) => {
    const clips = join(folder, "clips");
    mkdirSync(clips);
    for (const name of ["zeros", "bitflips_middle"]) {
      for (const ending of ["mp4", "txt"]) cpSync(join(BROKEN, `${name}.${ending}`), join(clips, `${name}.${ending}`));
    }
    for (const ending of ["mp4", "txt"]) cpSync(CLIP.replace(/mp4$/, ending), join(clips, `good.${ending}`));
    const data = { sources: [{ path: clips }], resolution: { width: 64, height: 64 }, numFrames: 5, fps: 8 };
    const skipping = await run(["train", config("cat", { data: { ...data, onBadFile: "skip" } }), "--json"]);
    assert.equal(skipping.code, 0, skipping.stderr);
    const files = parseEvents(skipping.stdout).filter((event) => event.type === "file");
    const rejected = files.filter((event) => event.status === "rejected");
    assert.ok(rejected.some(({ path, reason }) => path.endsWith("zeros.mp4") && reason.length > 10));
    assert.deepEqual(files.flatMap((event) => event.status === "used" ? [event.path.endsWith("good.mp4")] : []), [
      true,
    ]);
    const stopping = await run(["train", config("dog", { data: { ...data, onBadFile: "stop" } })]);
    assertRefused(stopping, 3, /^wantune: Cannot .*(zeros|bitflips_middle)\.mp4.*\n$/);
    assert.match((await run(["runs", "list"])).stdout, /-dog-\S+ +failed +0\/6/);
  }));

Deno.test("a full disk ends the run with the last checkpoint whole, and the resumed run ends as an unbroken one", async () => {
  await withSmallDisk(4096, (disk) =>
    withWorkplace(async ({ folder, config, env, run, runs }) => {
      const sections = { train: { steps: 40, seed: 3 }, save: { everySteps: 4, dtype: "float32" } };
      const whole = await run(["train", config("cat", sections)]);
      assert.equal(whole.code, 0, whole.stderr);
      const set = ["--set", `runsDir=${disk}`];
      await using child = new TrainProcess(["train", "--json", config("cat", sections), ...set], { cwd: folder, env });
      await child.until("checkpoint", ({ step }) => step >= 8);
      const filler = join(disk, "filler");
      fill(filler);
      assertRefused(await child.end(), 3, /^wantune: Cannot (save|write) .*: the disk is full\. Free some space.*\n$/);
      const [broken = ""] = runs(disk).filter((path) => path !== filler);
      const last = child.events.findLast((event) => event.type === "checkpoint")?.step ?? 0;
      const left = readdirSync(join(broken, "checkpoints"));
      assert.ok(left.includes(`step-${String(last).padStart(8, "0")}`), `${left}`);
      assert.ok(left.every((name) => !name.startsWith(".")), `a part was left behind: ${left}`);
      assert.deepEqual(readdirSync(join(broken, "outputs")), []);
      assert.match((await run(["runs", "list", "--dir", disk])).stdout, / (failed|dead) /);
      // as long as the disk is full, a resume says so too
      assertRefused(await run(["train", "--resume", broken]), 3, /^wantune: Cannot .*: the disk is full\. .*\n$/);
      Deno.removeSync(filler);
      const resumed = await wantuneCommand(["train", "--json", "--resume", broken], { cwd: folder, env }).output();
      const text = new TextDecoder().decode(resumed.stdout);
      assert.equal(resumed.code, 0, new TextDecoder().decode(resumed.stderr));
      assert.equal(parseEvents(text).find((event) => event.type === "run.started")?.resumedFrom, last);
      assertSameOutputs(runs()[0] ?? "", broken);
    }));
});

/** Writes until the disk takes no more. */
function fill(path: string): void {
  using file = Deno.openSync(path, { write: true, create: true });
  const block = new Uint8Array(4096);
  try {
    while (file.writeSync(block) > 0);
  } catch (error) {
    assert.match(String(error), /No space left/);
  }
}
