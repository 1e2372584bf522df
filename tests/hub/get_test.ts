import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { ConfigError, DiskError, random, SetupError, WantuneError, WeightsError } from "../../src/base/mod.ts";
import { getModel, type GetOptions, originOf } from "../../src/hub/mod.ts";
import { COMMIT, type FakeHub, REPO, withHub } from "../support/hub.ts";
import { withFolder, withSmallDisk } from "../support/tmp.ts";

const noise = (length: number, seed: number): Uint8Array => {
  const numbers = random(seed);
  return Uint8Array.from({ length }, () => numbers.integer(256));
};
const text = (words: string): Uint8Array => new TextEncoder().encode(words);

const SHARDS = [1, 2, 3].map((i) => `transformer/diffusion_pytorch_model-0000${i}-of-00003.safetensors`);
const MODEL: Record<string, Uint8Array> = {
  "README.md": text("# A model"),
  "model_index.json": text('{"_class_name": "WanPipeline"}'),
  "scheduler/scheduler_config.json": text("{}"),
  "transformer/config.json": text('{"num_layers": 2}'),
  "transformer/diffusion_pytorch_model.safetensors.index.json": text('{"weight_map": {}}'),
  ...Object.fromEntries(SHARDS.map((name, i) => [name, noise(400_000 + i * 70_000, i)])),
  "vae/config.json": text("{}\n"),
  "vae/diffusion_pytorch_model.safetensors": noise(50_000, 8),
  "vae/diffusion_pytorch_model.bin": noise(50_000, 9),
};
const NEEDED = Object.keys(MODEL).filter((path) => !/README|\.bin$/.test(path));

function options(hub: FakeHub, folder: string, more: Partial<GetOptions> = {}): GetOptions {
  return { repo: REPO, folder, endpoint: hub.endpoint, pauseSeconds: 0.01, idleSeconds: 5, ...more };
}

function checkAll(folder: string): void {
  for (const path of NEEDED) assert.deepEqual(Deno.readFileSync(join(folder, path)), MODEL[path], path);
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  assert.deepEqual(names.filter((name) => /partial|README|\.bin/.test(name)), []);
}

/** Bytes that left the server for a file, and whether every request began where the one before had ended. */
function checkSentOnce(hub: FakeHub, path: string): void {
  let at = 0;
  for (const { from, bytes } of hub.sent.filter((sent) => sent.path === path)) {
    assert.equal(from, at, `${path} is asked for from where it stopped`);
    at += bytes;
  }
  assert.equal(at, MODEL[path]?.length, `${path} is sent once`);
}

async function failure(promise: Promise<unknown>): Promise<WantuneError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof WantuneError, `${error}`);
    assert.ok(!error.message.includes("\n"));
    return error;
  }
  assert.fail("it succeeded");
}

Deno.test("getModel() fetches what a model needs; 20 broken connections cost no byte twice", () =>
  withFolder((folder) =>
    withHub(MODEL, async (hub) => {
      const numbers = random(3);
      hub.habits.cuts.push(...Array.from({ length: 24 }, () => numbers.integer(60_000)));
      hub.habits.token = "hf_secret";
      const seen: number[] = [];
      const got = await getModel(options(hub, folder, {
        token: "hf_secret",
        onProgress: (progress) => void seen.push(progress.doneBytes),
      }));
      checkAll(folder);
      for (const path of [...SHARDS, "vae/diffusion_pytorch_model.safetensors"]) checkSentOnce(hub, path);
      const broken = hub.sent.length - 4; // a cut behind the end of a file breaks nothing
      assert.ok(broken >= 20, `${broken} connections broke`);
      assert.ok(hub.sent.every(({ hasToken }) => !hasToken), "the token stays with the hub");
      assert.ok(hub.asked.every(({ authorization }) => authorization === "Bearer hf_secret"));
      assert.deepEqual(seen, seen.toSorted((a, b) => a - b));
      assert.equal(seen.at(-1), got.totalBytes);
      assert.equal(got.fetchedBytes, got.totalBytes);
      assert.deepEqual(originOf(folder), { repo: REPO, commit: COMMIT });

      const requests = hub.sent.length;
      const again = await getModel(options(hub, folder, { token: "hf_secret" }));
      assert.equal(again.fetchedBytes, 0);
      assert.equal(hub.sent.length, requests);
    })
  ));

Deno.test("getModel() goes on in mid-file after the process was killed", () =>
  withFolder((folder) =>
    withHub(MODEL, async (hub) => {
      hub.habits.bytesPerSecond = 400_000;
      const script = `
        import { getModel } from ${JSON.stringify(new URL("../../src/hub/mod.ts", import.meta.url).href)};
        const { endpoint, folder, repo } = JSON.parse(Deno.args[0]);
        await getModel({ endpoint, folder, repo, onProgress: ({ doneBytes }) => console.log(doneBytes) });`;
      const file = join(folder, "get.ts");
      Deno.writeTextFileSync(file, script);
      const config = new URL("../../deno.json", import.meta.url).pathname;
      const child = new Deno.Command(Deno.execPath(), {
        args: [
          ...["run", "-A", "--no-check", "--quiet", "--config", config, file],
          JSON.stringify({ endpoint: hub.endpoint, folder: join(folder, "model"), repo: REPO }),
        ],
        stdout: "piped",
      }).spawn();
      let killed = false;
      for await (const chunk of child.stdout) {
        const done = Number(new TextDecoder().decode(chunk).trim().split("\n").at(-1));
        if (killed || done < 300_000) continue;
        killed = true;
        child.kill("SIGKILL");
      }
      await child.status;
      const model = join(folder, "model");
      const parts = readdirSync(model, { recursive: true, encoding: "utf8" }).filter((name) => /\.partial$/.test(name));
      const sizes = new Map(
        parts.map((name) => [name.replace(/\.[0-9a-f]{12}\.partial$/, ""), sizeOf(join(model, name))]),
      );
      assert.ok(sizes.size > 0, "it was killed in the middle");
      const before = hub.sent.length;
      delete hub.habits.bytesPerSecond;
      const got = await getModel(options(hub, model));
      checkAll(model);
      for (const { path, from } of hub.sent.slice(before)) assert.equal(from, sizes.get(path) ?? 0);
      const kept = [...sizes.values()].reduce((sum, size) => sum + size, 0);
      assert.ok(got.fetchedBytes <= got.totalBytes - kept);
    })
  ));

const sizeOf = (path: string): number => Deno.statSync(path).size;

Deno.test("getModel() throws a damaged file away, keeps the others, and gets it right the next time", () =>
  withFolder((folder) =>
    withHub(MODEL, async (hub) => {
      const [, second = ""] = SHARDS;
      hub.habits.damaged.add(second);
      const error = await failure(getModel(options(hub, folder, { jobs: 1 })));
      assert.ok(error instanceof WeightsError);
      assert.match(
        error.message,
        /Cannot use transformer\/.*-00002-of-00003.* its SHA-256 is .*should be .*thrown away/,
      );
      assert.ok(existsSync(join(folder, SHARDS[0] ?? "")) && !existsSync(join(folder, second)));
      hub.habits.damaged.clear();
      const before = hub.sent.length;
      await getModel(options(hub, folder));
      checkAll(folder);
      assert.ok(!hub.sent.slice(before).some(({ path }) => path === SHARDS[0]), "what was right is not fetched again");
    })
  ));

Deno.test("getModel() tells what is missing: repository, revision, access, part, server", () =>
  withFolder((folder) =>
    withHub(MODEL, async (hub) => {
      const get = (more: Partial<GetOptions>): Promise<WantuneError> => failure(getModel(options(hub, folder, more)));
      const noRepo = await get({ repo: "Some-One/other" });
      assert.match(noRepo.message, /Cannot fetch Some-One\/other: there is no such repository \(404\)/);
      assert.match((await get({ revision: "v9" })).message, /it has no revision "v9" \(404\)/);
      assert.match((await get({ only: ["vea"] })).message, /"vea" of .*no such part/);
      hub.habits.gated = true;
      const gated = await get({});
      assert.match(gated.message, /gated or forbidden, and no HF_TOKEN is set \(403\)/);
      assert.match(gated.cure ?? "", /accept its terms at .*Some-One\/some-model and set HF_TOKEN/);
      hub.habits.gated = false;
      hub.habits.token = "right";
      const without = await get({});
      assert.match(without.message, /no such repository, or it is private \(401\)/);
      assert.match(without.cure ?? "", /HF_TOKEN/);
      const wrong = await get({ token: "wrong" });
      assert.match(wrong.message, /HF_TOKEN is not valid/);
      assert.ok([noRepo, gated, without, wrong].every((error) => error instanceof ConfigError && error.exitCode === 2));
      const nobody = await get({ endpoint: "http://127.0.0.1:1", retries: 1 });
      assert.ok(nobody instanceof SetupError);
      assert.match(nobody.message, /Cannot ask http:\/\/127\.0\.0\.1:1 about/);
      assert.match((await get({ endpoint: "huggingface.co" })).message, /no web address/);
      await getModel(options(hub, folder, { token: "right" })); // nothing of all that is in the way
      checkAll(folder);
    })
  ));

Deno.test("getModel() onto a small disk says so ahead, and on a disk that fills keeps what it has", async () => {
  await withSmallDisk(600, (folder) =>
    withHub(MODEL, async (hub) => {
      const ahead = await failure(getModel(options(hub, folder)));
      assert.ok(ahead instanceof DiskError);
      assert.match(ahead.message, /still to come, 600\.0 KiB are free/);
      assert.equal(hub.sent.length, 0);
    }));
  await withSmallDisk(900, (folder) =>
    withHub(MODEL, async (hub) => {
      // another program takes the space while the file is on its way
      hub.habits.bytesPerSecond = 2_000_000;
      let filled = false;
      const filling = getModel(options(hub, folder, {
        only: [SHARDS[0] ?? ""],
        onProgress: ({ doneBytes }) => {
          if (filled || doneBytes < 100_000) return;
          filled = true;
          try {
            Deno.writeFileSync(join(folder, "filler"), new Uint8Array(900_000));
          } catch {
            // full
          }
        },
      }));
      const error = await failure(filling);
      assert.ok(error instanceof DiskError);
      assert.match(error.message, /the disk is full/);
      const part = readdirSync(join(folder, "transformer")).find((name) => name.endsWith(".partial")) ?? "";
      const kept = sizeOf(join(folder, "transformer", part));
      assert.ok(kept >= 100_000);
      Deno.removeSync(join(folder, "filler"));
      delete hub.habits.bytesPerSecond;
      const got = await getModel(options(hub, folder, { only: [SHARDS[0] ?? ""] }));
      assert.deepEqual(Deno.readFileSync(join(folder, SHARDS[0] ?? "")), MODEL[SHARDS[0] ?? ""]);
      assert.ok(got.fetchedBytes <= 400_000 - kept + 100);
      assert.equal(hub.sent.at(-1)?.from, kept);
    }));
});

Deno.test("getModel() takes files that are right as they are, and leaves others alone", () =>
  withFolder((folder) =>
    withHub(MODEL, async (hub) => {
      Deno.mkdirSync(join(folder, "vae"));
      Deno.writeFileSync(join(folder, "vae/config.json"), MODEL["vae/config.json"] ?? new Uint8Array());
      const weights = join(folder, "vae/diffusion_pytorch_model.safetensors");
      Deno.writeFileSync(weights, new Uint8Array(50_000));
      const error = await failure(getModel(options(hub, folder, { only: ["vae"] })));
      assert.match(error.message, /is there already and is another file/);
      assert.equal(hub.sent.length, 0);
      Deno.removeSync(weights);
      Deno.writeFileSync(`${weights}.0123456789ab.partial`, new Uint8Array(10)); // of another revision
      const got = await getModel(options(hub, folder, { only: ["vae"] }));
      assert.deepEqual(got.files.toSorted(), [
        "model_index.json",
        "vae/config.json",
        "vae/diffusion_pytorch_model.safetensors",
      ]);
      assert.deepEqual(readdirSync(join(folder, "vae")).toSorted(), [
        "config.json",
        "diffusion_pytorch_model.safetensors",
      ]);
    })
  ));
