/** Going on from a file: what fits is taken up exactly, what does not is refused with what is so. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { parseConfig } from "../../src/config/mod.ts";
import { saveOutputs, warnOfFormats } from "../../src/train/outputs.ts";
import { warnOfStart } from "../../src/train/methods/adapter_start.ts";
import { ones } from "../../src/torch/mod.ts";
import type { Expert } from "../../src/wan/mod.ts";
import { expertEntry, saveAdapters } from "../../src/weights/mod.ts";
import { takeSteps, trainedBytes, withSession } from "../support/session.ts";
import { withFolder } from "../support/tmp.ts";
import { leakFree, useTorch } from "../support/torch.ts";
import type { Sections } from "../support/workplace.ts";

await useTorch();

/** Trains a method for a step, saves it, and gives the path of the file in a form. */
async function saved(folder: string, { method, form }: { method: Sections[string]; form: string }): Promise<string> {
  let path = "";
  const sections = { method, train: { steps: 1 }, save: { dtype: "float32", formats: [form] }, ...extra(method) };
  await withSession({ folder, sections }, (session) => {
    takeSteps(session);
    [path = ""] = saveOutputs(session, { folder: join(folder, form), taken: { only: 1 } });
  });
  return path;
}

const extra = (method: Sections[string]): Sections =>
  method?.kind === "embedding" ? { data: { triggerWord: "<x>" }, optim: { learningRate: 0.1, warmupSteps: 0 } } : {};

const METHODS: Readonly<Record<string, Sections[string]>> = {
  LoRA: { kind: "lora", rank: 2, alpha: 1, targets: "attention", textEncoder: { rank: 2 } },
  DoRA: { kind: "dora", rank: 2, targets: "attention" },
  LoKr: { kind: "lokr", rank: 1, factor: 4, targets: "attention" },
  embedding: { kind: "embedding", token: "<x>", vectors: 2 },
};

for (const [name, method] of Object.entries(METHODS)) {
  Deno.test(`${name}: a run that starts from a file of another starts where that one ended`, () =>
    withFolder(async (folder) => {
      const forms = ["comfyui", "musubi", ...(name === "LoKr" ? [] : ["diffusers"])];
      for (const form of forms) {
        const init = await saved(folder, { method, form });
        let ended = new Map<string, Uint8Array>();
        const sections = { method, train: { steps: 1 }, save: { dtype: "float32", formats: forms }, ...extra(method) };
        await withSession({ folder, sections }, (session) => {
          takeSteps(session);
          ended = trainedBytes(session);
        });
        await withSession({ folder, sections: { ...sections, method: { ...method, init } } }, (session) => {
          const started = trainedBytes(session);
          assert.deepEqual([...started.keys()], [...ended.keys()]);
          for (const [key, bytes] of started) {
            const [a, b] = [bytes, ended.get(key) ?? bytes].map((each) => new Float32Array(each.slice().buffer));
            a?.forEach((value, i) => assert(Math.abs(value - (b?.[i] ?? NaN)) < 1e-7, `${form} ${key}`));
          }
        });
      }
    }));
}

Deno.test("another scale is taken up by the second factor; another rank, kind or set of layers is refused", () =>
  withFolder(async (folder) => {
    const method = { kind: "lora", rank: 2, alpha: 1, targets: "attention" };
    const init = await saved(folder, { method, form: "diffusers" });
    const start = (own: Record<string, unknown>): Promise<number> => {
      let up = NaN;
      return withSession({ folder, sections: { method: { ...method, init, ...own } } }, (session) => {
        const [first] = session.trainees[0]?.trained.adapters?.modules.values() ?? [];
        assert(first?.tensors.up !== undefined);
        using plain = first.tensors.up.detach();
        using norm = plain.norm();
        up = norm.item();
      }).then(() => up);
    };
    const ratio = await start({}) / await start({ alpha: 4 });
    assert(Math.abs(ratio - 4) < 1e-5, String(ratio));
    const refuses = (own: Record<string, unknown>, message: RegExp): Promise<void> =>
      assert.rejects(start(own), { name: "WeightsError", message });
    await refuses({ rank: 4 }, /of blocks\.0\.attn1\.to_q is \[2, 48\], the config trains \[4, 48\]/);
    await refuses({ kind: "dora" }, /is down and up there, the config trains down and magnitude and up/);
    await refuses({ targets: "attention-ffn" }, /it lacks blocks\.\{0\.\.2\}\.ffn/);
    await refuses({ exclude: ["attn2.*"] }, /it also has blocks\.\{0\.\.2\}\.attn2/);
    await refuses({ init: join(folder, "none.safetensors") }, /none\.safetensors/);
  }));

Deno.test("an embedding starts at known words, and refuses a word that no caption has", () =>
  withFolder(async (folder) => {
    const method = { kind: "embedding", token: "<x>", vectors: 2, initWord: "dog" };
    await withSession({ folder, sections: { method, data: { triggerWord: "<x>" } } }, ({ text, models }) => {
      const id = models.loadTokenizer().encode("dog")[0] ?? NaN;
      using encoder = models.loadTextEncoder();
      using row = encoder.params.get("shared.weight")?.select(0, id);
      using vectors = text?.word?.vectors.detach();
      assert.deepEqual(vectors?.toNumbers().slice(0, row?.numel), row?.toNumbers());
    });
    await assert.rejects(withSession({ folder, sections: { method } }, () => {}), {
      name: "ConfigError",
      message: /no caption has the word/,
    });
  }));

Deno.test("an expert that starts from the other's file, by its header or name, is warned of", () =>
  withFolder((folder) => {
    leakFree(() => {
      const low = join(folder, "a.safetensors"), high = join(folder, "my-high-noise.safetensors");
      const modules = new Map([["blocks.0.attn1.to_q", {
        kind: "lora" as const,
        tensors: { down: ones([2, 3]), up: ones([3, 2]) },
      }]]);
      saveAdapters(low, { transformer: modules }, { naming: "comfy", metadata: expertEntry(new Map(), "low") });
      saveAdapters(high, { transformer: modules }, { naming: "comfy" });
      const warnings = (...starts: [Expert, string][]): string[] => {
        const said: string[] = [];
        const text = { model: { weights: "." }, data: { sources: [{ path: "." }] }, train: { steps: 1 } };
        const trainees = starts.map(([expert, init]) => {
          const whole = JSON.stringify({ ...text, method: { kind: "lora", init } });
          return { expert, config: parseConfig(whole, { path: "/nowhere/a.jsonc" }) };
        });
        warnOfStart(trainees, (event) => event.type === "warning" && said.push(event.message));
        return said;
      };
      assert.deepEqual(warnings(["high", low], ["low", low], ["only", high]), [
        `the high-noise expert starts from ${low}, which by its header is the low-noise one's`,
      ]);
      assert.match(warnings(["low", high]).join(), /which by its name is the high-noise one's$/);
    });
  }));

Deno.test("a run whose files diffusers will take a part of is warned of", () => {
  const warnings = (method: Record<string, unknown>, formats: string[]): string[] => {
    const said: string[] = [];
    const text = { model: { weights: "." }, data: { sources: [{ path: "." }] }, train: { steps: 1 } };
    const config = parseConfig(JSON.stringify({ ...text, method, save: { formats } }), { path: "/nowhere/a.jsonc" });
    warnOfFormats(config, (event) => event.type === "warning" && said.push(event.message));
    return said;
  };
  const both = { kind: "lora", textEncoder: {} };
  assert.match(warnings(both, ["comfyui", "diffusers"]).join(), /^diffusers loads no adapters of WAN's text encoder/);
  assert.deepEqual([warnings(both, ["comfyui"]), warnings({ kind: "lora" }, ["diffusers"])], [[], []]);
});
