import assert from "node:assert/strict";
import { join } from "node:path";
import { SetupError } from "../../src/base/mod.ts";
import { findPrograms } from "../../src/media/mod.ts";
import { cleanLine, lastUsefulLine, runProgram } from "../../src/media/process.ts";
import { withFolder } from "../support/tmp.ts";

/** Runs a body with other environment variables. */
async function withEnv(values: Record<string, string>, body: () => Promise<void>): Promise<void> {
  const before = Object.keys(values).map((name) => [name, Deno.env.get(name)] as const);
  for (const [name, value] of Object.entries(values)) Deno.env.set(name, value);
  try {
    await body();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    }
  }
}

Deno.test("findPrograms() finds both programs and their version", async () => {
  const { release } = await findPrograms();
  assert.ok(release[0] >= 5);
});

Deno.test("findPrograms() names the missing program and how to install it", async () => {
  await withFolder((empty) =>
    withEnv({ PATH: empty }, async () => {
      await assert.rejects(findPrograms(), (error: SetupError) => {
        assert.ok(error instanceof SetupError);
        assert.equal(error.message, "Cannot read video: ffmpeg is not on the PATH");
        assert.match(error.cure ?? "", /apt-get install ffmpeg/);
        assert.equal(error.exitCode, 2);
        return true;
      });
    })
  );
  await findPrograms(); // and finds it again afterwards
});

Deno.test("findPrograms() refuses old programs and programs that are something else", async () => {
  await withFolder(async (folder) => {
    const old = join(folder, "old");
    Deno.writeTextFileSync(old, "#!/bin/sh\necho ffmpeg version 4.4.2-0ubuntu0 Copyright\n", { mode: 0o755 });
    await withEnv({ WANTUNE_FFMPEG: old }, async () => {
      await assert.rejects(findPrograms(), /ffmpeg is version 4\.4\.2-0ubuntu0, 5 or newer is needed/);
    });
    await withEnv({ WANTUNE_FFMPEG: "/bin/true" }, async () => {
      await assert.rejects(findPrograms(), /"\/bin\/true" is not ffmpeg/);
    });
    await withEnv({ WANTUNE_FFPROBE: join(folder, "none") }, async () => {
      await assert.rejects(findPrograms(), /WANTUNE_FFPROBE names ".*none", which does not exist/);
    });
  });
});

Deno.test("runProgram() kills a child that does not answer", async () => {
  await withFolder(async (folder) => {
    const slow = join(folder, "slow");
    const script = '#!/bin/sh\nif [ "$1" = -version ]; then echo ffmpeg version 6.0; else exec sleep 60; fi\n';
    Deno.writeTextFileSync(slow, script, { mode: 0o755 });
    await withEnv({ WANTUNE_FFMPEG: slow }, async () => {
      const began = performance.now();
      await assert.rejects(runProgram("ffmpeg", [], { idleSeconds: 0.2 }), /did not answer for 0.2 s/);
      assert.ok(performance.now() - began < 10_000);
    });
  });
});

Deno.test("a child ends with this process, even where that is killed", async () => {
  const { tie } = await findPrograms();
  if (tie.length === 0) {
    // deno-lint-ignore no-console
    console.warn("skipped: setpriv (util-linux) is not installed");
    return;
  }
  await withFolder(async (folder) => {
    const slow = join(folder, "slow");
    const script = '#!/bin/sh\nif [ "$1" = -version ]; then echo ffmpeg version 6.0; else echo $$; exec sleep 60; fi\n';
    Deno.writeTextFileSync(slow, script, { mode: 0o755 });
    const source = `
      const { Child } = await import(${JSON.stringify(import.meta.resolve("../../src/media/process.ts"))});
      const child = await Child.start("ffmpeg", []);
      await Deno.stdout.write(await child.read());
      await child.result();`;
    await using parent = new Deno.Command(Deno.execPath(), {
      args: ["eval", source],
      env: { WANTUNE_FFMPEG: slow },
      stdout: "piped",
    }).spawn();
    const reader = parent.stdout.getReader();
    const { value } = await reader.read();
    const pid = Number(new TextDecoder().decode(value));
    assert.ok(isThere(pid));
    parent.kill("SIGKILL");
    await parent.status;
    await reader.cancel();
    const end = performance.now() + 10_000;
    while (isThere(pid) && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.ok(!isThere(pid));
  });
});

/** Whether a process runs; one that has ended may wait for its end to be heard of. */
function isThere(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch {
    return false;
  }
}

Deno.test("lastUsefulLine() prefers errors and takes addresses and marks out", () => {
  const lines = [
    "[info] x",
    "[h264 @ 0x55d4] [error] Invalid NAL unit size (117 > 101).",
    "[warning] Output file is empty",
  ];
  assert.equal(lastUsefulLine(lines), "Invalid NAL unit size (117 > 101).");
  assert.equal(cleanLine("[error] file:/a: b.mp4: Invalid data found"), "Invalid data found");
});
