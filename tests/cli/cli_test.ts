import assert from "node:assert/strict";
import { join } from "node:path";
import { parseConfig } from "../../src/config/mod.ts";
import { RunFolder } from "../../src/runs/mod.ts";
import { wantune } from "../support/cli.ts";
import { startEvent, stepEvent } from "../support/events.ts";
import { withFolder } from "../support/tmp.ts";

const wrong = (args: string[], pattern: RegExp): Promise<void> =>
  wantune(args).then(({ code, stderr, stdout }) => {
    assert.equal(code, 2, stderr);
    assert.match(stderr, pattern);
    assert.equal(stderr.trimEnd().split("\n").length, 1, stderr);
    assert.equal(stdout, "");
  });

Deno.test("--help lists the commands, quickly and without loading what they need", async () => {
  const begun = performance.now();
  const { code, stdout } = await wantune(["--help"]);
  const seconds = (performance.now() - begun) / 1000;
  assert.equal(code, 0);
  for (const name of ["setup", "doctor", "runs", "sample", "inspect", "convert", "merge"]) {
    assert.match(stdout, new RegExp(`^  ${name} `, "m"));
  }
  assert.ok(seconds < 3, `${seconds} s`); // measured 0.07 s; the limit leaves room for a busy machine
  assert.equal((await wantune([])).stdout, stdout);
  assert.match((await wantune(["--version"])).stdout, /^\d+\.\d+\.\d+\n$/);
});

Deno.test("wrong use is one line on standard error and exit code 2, with a guess at what was meant", async () => {
  await wrong(["dctor"], /^wantune: unknown command 'dctor' \(Did you mean doctor\?\)\n$/);
  await wrong(["inspct"], /\(Did you mean inspect\?\)\n$/);
  await wrong(["sample", "--lastimage", "x"], /\(Did you mean --last-image\?\)\n$/);
  await wrong(["convert", "lor"], /^wantune: unknown command 'lor' \(Did you mean lora\?\)\n$/);
  await wrong(["merge", "--model", "m", "--lora", "l"], /required option '--out <folder>' not specified/);
  await wrong(["merge", "--model", "m", "--out", "o"], /no adapter was named\. Name its file with --lora, --high-lora/);
  await wrong(["runs", "list", "--jsn"], /^wantune: unknown option '--jsn' \(Did you mean --json\?\)\n$/);
  await wrong(["setup", "--device", "tpu"], /Allowed choices are cpu, cuda, rocm/);
  await wrong(["setup", "--version", "new"], /It looks like 2\.13\.0\+cpu/);
  await wrong(["runs", "show", "--dir", "/no/such/folder"], /^wantune: Cannot find a run: .* Start one with/);
});

Deno.test("runs list and show tell what is in the folder, for people and for programs", () =>
  withFolder(async (folder) => {
    const text = '{"model":{"weights":"w"},"data":{"sources":[{"path":"c"}]},"train":{"steps":4}}';
    const config = parseConfig(text, { path: join(folder, "cat.jsonc") });
    const empty = await wantune(["runs", "list", "--dir", config.runsDir]);
    assert.deepEqual([empty.code, empty.stdout], [0, `no runs in ${config.runsDir}\n`]);
    using run = RunFolder.create(config);
    run.append(startEvent(4));
    run.append(stepEvent(1, 0.25));
    const list = await wantune(["runs", "list", "--dir", config.runsDir]);
    assert.match(list.stdout, new RegExp(`^${run.id}  running  1/4   0\\.2500`, "m"));
    const json = await wantune(["runs", "list", "--dir", config.runsDir, "--json"]);
    assert.equal(JSON.parse(json.stdout).status, "running");
    const show = await wantune(["runs", "show", "cat", "--dir", config.runsDir]);
    assert.match(show.stdout, /^step +1 of 4$/m);
    const shown = await wantune(["runs", "show", run.path, "--json"]);
    assert.deepEqual(JSON.parse(shown.stdout).loss, [{ step: 1, value: 0.25 }]);
    run[Symbol.dispose]();
    const dead = await wantune(["runs", "show", "--dir", config.runsDir, "--events"]);
    assert.match(dead.stdout, /^status +dead$/m);
    assert.match(dead.stdout, /^resume with +wantune train --resume /m);
    assert.match(dead.stdout, /"type":"step"/);
  }));

Deno.test("doctor names what is missing, with its cure, and exits with 2", () =>
  withFolder(async (folder) => {
    const env = { PATH: folder, WANTUNE_CACHE: folder, WANTUNE_LIBTORCH: "", WANTUNE_FFMPEG: "" };
    const { code, stdout, stderr } = await wantune(["doctor", "--json"], { env });
    const { ok, checks } = JSON.parse(stdout);
    assert.equal(ok, false);
    const of = (name: string): { status: string; cure: string } =>
      checks.find((check: { name: string }) => check.name === name);
    assert.deepEqual(checks.map((check: { name: string }) => check.name), [
      "deno",
      "ffmpeg",
      "libtorch",
      "shim",
      "compiler",
      "disk",
      "memory",
    ]);
    assert.equal(of("deno").status, "ok");
    for (
      const [name, cure] of [["ffmpeg", /install/], ["libtorch", /wantune setup/], ["compiler", /nstall/]] as const
    ) {
      assert.equal(of(name).status, "fail", name);
      assert.match(of(name).cure, cure);
    }
    assert.equal(code, 2);
    assert.match(stderr, /^wantune: Not ready: ffmpeg, libtorch, shim, compiler\. .*\n$/);
    const plain = await wantune(["doctor"], { env });
    assert.match(plain.stdout, /^fail {2}libtorch {2}Cannot find libtorch/m);
  }));

Deno.test("setup says in one line that a libtorch cannot be had", () =>
  withFolder(async (folder) => {
    const env = { WANTUNE_CACHE: folder, WANTUNE_WHEEL_INDEX: "http://127.0.0.1:9/whl" };
    const { code, stderr } = await wantune(["setup"], { env });
    assert.equal(code, 2);
    assert.match(stderr, /^wantune: Cannot read http:\/\/127\.0\.0\.1:9\/whl\/torch\/: .* Check the network, .*\n$/);
    const named = await wantune(["setup", "--libtorch", folder], { env });
    assert.match(named.stderr, /^wantune: Cannot use libtorch in .*: there is no libtorch\.so\. .*\n$/);
  }));
