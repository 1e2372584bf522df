import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { SetupError, sha256 } from "../../src/base/mod.ts";
import { fetchLibtorch, findLibtorch, type SetupProgress } from "../../src/setup/mod.ts";
import { pipDownload } from "../../src/setup/pip.ts";
import { isKept, unpackWheel } from "../../src/setup/unpack.ts";
import { withFolder } from "../support/tmp.ts";
import { makeZip, torchWheel } from "../support/wheel.ts";

/** Runs `body` with environment variables set (undefined removes one), and puts the old ones back. */
async function withEnv(values: Record<string, string | undefined>, body: () => Promise<void>): Promise<void> {
  const before = Object.keys(values).map((name) => [name, Deno.env.get(name)] as const);
  const set = (entries: Iterable<readonly [string, string | undefined]>): void => {
    for (const [name, value] of entries) value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
  };
  set(Object.entries(values));
  try {
    await body();
  } finally {
    set(before);
  }
}

/** Runs `body` with an empty cache and nothing set up. */
function withCache(body: (cache: string) => Promise<void>, more: Record<string, string> = {}): Promise<void> {
  return withFolder((folder) =>
    withEnv(
      { WANTUNE_CACHE: folder, WANTUNE_LIBTORCH: undefined, WANTUNE_WHEEL_INDEX: undefined, ...more },
      () => body(folder),
    )
  );
}

const arch = Deno.build.arch;
const NAME = `torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_${arch}.whl`;

Deno.test("fetchLibtorch() reads the index page, checks the hash, unpacks what is needed and leaves no wheel", () =>
  withCache(async (cache) => {
    const wheel = await torchWheel("2.13.0+cpu");
    const requests: string[] = [];
    const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
      const { pathname } = new URL(request.url);
      requests.push(pathname);
      if (pathname === "/whl/cpu/torch/") {
        const link = `<a href="../files/${encodeURIComponent(NAME)}#sha256=${sha256(wheel)}">torch</a>`;
        return new Response(link, { headers: { "content-type": "text/html" } });
      }
      return new Response(wheel as BufferSource);
    });
    try {
      const stages = new Set<SetupProgress["stage"]>();
      const options = {
        index: `http://127.0.0.1:${server.addr.port}/whl/cpu`,
        onProgress: (progress: SetupProgress) => void stages.add(progress.stage),
      };
      const found = await fetchLibtorch(options);
      const dir = join(cache, "libtorch/2.13.0+cpu-cpu/torch/lib");
      assert.deepEqual(found, { dir, version: "2.13.0+cpu", source: "fetched" });
      assert.deepEqual(await findLibtorch(), found);
      assert.deepEqual([...stages], ["download", "unpack"]);
      assert.ok(existsSync(join(dir, "libgomp.so.1")) && existsSync(join(dir, "../include/ATen/ATen.h")));
      assert.ok(!existsSync(join(dir, "libshm")) && !existsSync(join(dir, "../__init__.py")));
      assert.deepEqual([...Deno.readDirSync(join(cache, "libtorch"))].map((entry) => entry.name), ["2.13.0+cpu-cpu"]);
      assert.equal(requests.length, 2);
      await fetchLibtorch(options); // is there: nothing to do
      assert.equal(requests.length, 2);
      await fetchLibtorch({ ...options, force: true });
      assert.equal(requests.length, 4);
    } finally {
      await server.shutdown();
    }
  }));

Deno.test("fetchLibtorch() takes a wheel from a folder and leaves it there", () =>
  withCache((cache) =>
    withFolder(async (wheels) => {
      Deno.writeFileSync(join(wheels, NAME), await torchWheel("2.13.0+cpu"));
      await withEnv({ WANTUNE_WHEEL_INDEX: wheels }, async () => {
        assert.equal((await fetchLibtorch()).version, "2.13.0+cpu");
        await assert.rejects(fetchLibtorch({ version: "2.12.0+cpu" }), /Cannot find a wheel of torch 2.12.0\+cpu/);
      });
      assert.ok(existsSync(join(wheels, NAME)));
      assert.ok(existsSync(join(cache, "libtorch")));
    })
  ));

Deno.test("fetchLibtorch() tells a missing page, an unreachable server and a wheel without libtorch, and cleans up", () =>
  withCache((cache) =>
    withFolder(async (wheels) => {
      const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, () =>
        new Response("", { status: 404 }));
      const index = `http://127.0.0.1:${server.addr.port}`;
      await assert.rejects(fetchLibtorch({ index }), /Cannot read http.*\/torch\/: the server answers 404/);
      await server.shutdown();
      await assert.rejects(fetchLibtorch({ index }), (error: unknown) =>
        error instanceof SetupError && /WANTUNE_WHEEL_INDEX/.test(error.cure ?? ""));
      Deno.writeFileSync(join(wheels, NAME), await makeZip({ "torch/version.py": "" }));
      await assert.rejects(fetchLibtorch({ index: wheels }), /libtorch.so is not in it/);
      Deno.writeTextFileSync(join(wheels, NAME), "no zip");
      await assert.rejects(fetchLibtorch({ index: wheels }), /Cannot unpack/);
      assert.deepEqual(
        [...Deno.readDirSync(join(cache, "libtorch"))].map((entry) =>
          entry.name
        ),
        [".download"],
      );
    })
  ));

Deno.test("unpackWheel() refuses paths that lead out of the folder, before anything is written", () =>
  withFolder(async (folder) => {
    for (
      const name of [
        "../evil.so",
        "torch/lib/../../../evil.so",
        "/torch/lib/evil.so",
        "torch\\lib\\evil.so",
        "torch/./lib/x.so",
      ]
    ) {
      const wheel = join(folder, "w.whl");
      Deno.writeFileSync(wheel, await makeZip({ "torch/lib/ok.so": "x", [name]: "x" }));
      await assert.rejects(
        unpackWheel(wheel, join(folder, "out")),
        (error: unknown) => error instanceof SetupError && /leads elsewhere/.test(error.message),
        name,
      );
      assert.ok(!existsSync(join(folder, "out")) && !existsSync(join(folder, "../evil.so")));
    }
  }));

Deno.test("unpackWheel() notices a damaged wheel", () =>
  withFolder(async (folder) => {
    const bytes = await torchWheel("2.13.0");
    const text = new TextDecoder("latin1").decode(bytes);
    bytes[text.indexOf("not really")] = 0x58; // stored or deflated, the check sum no longer fits
    const at = text.indexOf("torch/lib/libgomp.so.1") + 40;
    bytes[at] = (bytes[at] ?? 0) ^ 0xff;
    Deno.writeFileSync(join(folder, "w.whl"), bytes);
    await assert.rejects(unpackWheel(join(folder, "w.whl"), join(folder, "out")), /Cannot unpack/);
  }));

Deno.test("isKept() takes libraries, headers and the version, and of NVIDIA's wheels the libraries", () => {
  const kept = [
    "torch/lib/libtorch.so",
    "torch/lib/libgomp.so.1",
    "torch/include/c10/x.h",
    "nvidia/cu13/lib/libcublas.so.13",
  ];
  const left = [
    "torch/lib/libshm/a.h",
    "torch/_C.so",
    "torch/test/x.so",
    "nvidia/cu13/include/a.h",
    "a/torch/lib/x.so",
  ];
  assert.deepEqual([...kept, ...left].filter(isKept), kept);
});

Deno.test("findLibtorch() takes the named folder first, also as an unpacked archive, and refuses other versions", () =>
  withCache((cache) =>
    withFolder(async (folder) => {
      const put = (path: string, text = ""): void => {
        Deno.mkdirSync(join(folder, path, ".."), { recursive: true });
        Deno.writeTextFileSync(join(folder, path), text);
      };
      put("a/torch/lib/libtorch.so");
      put("a/torch/version.py", "__version__ = '2.14.0'\n");
      put("b/lib/libtorch.so");
      put("b/build-version", "2.11.0+cpu\n");
      put("old/torch/lib/libtorch.so");
      put("old/torch/version.py", "__version__ = '2.10.0'\n");
      assert.deepEqual(await findLibtorch({ libtorch: join(folder, "a") }), {
        dir: join(folder, "a/torch/lib"),
        version: "2.14.0",
        source: "named",
      });
      await withEnv({ WANTUNE_LIBTORCH: join(folder, "b") }, async () => {
        assert.equal((await findLibtorch()).version, "2.11.0+cpu");
      });
      await assert.rejects(
        findLibtorch({ libtorch: join(folder, "old") }),
        /libtorch 2.10.0 .* 2.11 to 2.14 are supported/,
      );
      await assert.rejects(findLibtorch({ libtorch: folder }), /there is no libtorch.so/);
      for (const [name, time] of [["2.13.0-cpu", 1000], ["2.14.1-cuda", 2000]] as const) {
        const dir = join(cache, "libtorch", name);
        Deno.mkdirSync(join(dir, "torch/lib"), { recursive: true });
        Deno.writeTextFileSync(join(dir, "torch/lib/libtorch.so"), "");
        Deno.utimeSync(dir, time, time);
      }
      assert.match((await findLibtorch()).dir, /2\.14\.1-cuda/); // the last one fetched
    })
  ));

Deno.test("findLibtorch() uses a Python environment's torch of a supported version only, and says when there is none", () =>
  withFolder((folder) =>
    withCache(async () => {
      const fake = (version: string): void => {
        Deno.mkdirSync(join(folder, "site/torch/lib"), { recursive: true });
        Deno.writeTextFileSync(join(folder, "site/torch/lib/libtorch.so"), "");
        Deno.writeTextFileSync(join(folder, "site/torch/version.py"), `__version__ = '${version}'`);
        Deno.writeTextFileSync(join(folder, "python3"), `#!/bin/sh\necho ${folder}/site/torch/__init__.py\n`, {
          mode: 0o755,
        });
      };
      fake("2.12.1+cu126");
      assert.equal((await findLibtorch()).source, "python");
      fake("2.9.0");
      await assert.rejects(findLibtorch(), (error: unknown) =>
        error instanceof SetupError && error.exitCode === 2 && /wantune setup/.test(error.cure ?? ""));
    }, { PATH: `${folder}:/usr/bin:/bin` })
  ));

Deno.test("pipDownload() reports what pip says, tries the own Python too, and says when there is no pip", () =>
  withFolder(async (folder) => {
    const out = join(folder, "out");
    Deno.mkdirSync(out);
    const pip = (script: string): void =>
      Deno.writeTextFileSync(join(folder, "pip"), `#!/bin/sh\n${script}`, { mode: 0o755 });
    const options = { arch: "x86_64", deps: false };
    await withEnv({ PATH: folder }, async () => {
      assert.match((await pipDownload(["torch==1"], out, options)).complaint, /pip is not installed/);
    });
    await withEnv({ PATH: `${folder}:/usr/bin:/bin` }, async () => {
      pip(
        '[ "$1" = --version ] && exit 0\necho "WARNING: x" >&2\necho "ERROR: No matching distribution" >&2\nexit 1\n',
      );
      const failed = await pipDownload(["torch==1"], out, options);
      assert.deepEqual(failed, { wheels: [], complaint: "No matching distribution" });
      pip(`[ "$1" = --version ] && exit 0\ncase "$*" in *--python-version*) exit 1;; esac\necho w > ${out}/t.whl\n`);
      assert.deepEqual((await pipDownload(["torch==1"], out, options)).wheels, [join(out, "t.whl")]);
      assert.deepEqual([...Deno.readDirSync(out)].map((entry) => entry.name), ["t.whl"]);
    });
  }));
