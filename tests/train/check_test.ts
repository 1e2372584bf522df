/** What a config asks for in vain is said before anything is encoded. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ConfigError, WeightsError } from "../../src/base/mod.ts";
import { checkNames, checkRun } from "../../src/train/check.ts";
import { saveOutputs } from "../../src/train/outputs.ts";
import { openModels } from "../../src/train/setup.ts";
import { T2V, takeSteps, TI2V, withSession } from "../support/session.ts";
import { withFolder } from "../support/tmp.ts";
import { leakFree, useTorch } from "../support/torch.ts";
import { runConfig } from "../support/train_config.ts";
import type { Sections } from "../support/workplace.ts";

await useTorch();

const PROMPT = { prompts: ["a cat"], width: 64, height: 64, numFrames: 5 };

/** Checks a config for a tiny model, one of two experts where it has any. */
function check(weights: string, sections: Sections = {}): void {
  const config = runConfig({ ...sections, model: { weights, ...sections.model } });
  const models = openModels(config);
  checkRun(config, models);
  leakFree(() => checkNames(config, { models, device: "cpu", dtype: "float32" }));
}

/** Refused with a message that matches, and for the section's fault alone. */
function refuses(weights: string, sections: Sections, message: RegExp): void {
  assert.throws(() => check(weights, sections), (error) => {
    assert(error instanceof ConfigError, String(error));
    assert.match(`${error.message} (${error.cure})`, message);
    return true;
  });
}

Deno.test("checkRun() refuses samples that the model cannot make and pictures that are not there", () => {
  check(TI2V, { sample: PROMPT });
  refuses(TI2V, { sample: { ...PROMPT, width: 80 } }, /a video of 80x64 pixels: sides must be multiples of 32/);
  check(T2V, { sample: { ...PROMPT, width: 80 } });
  refuses(
    TI2V,
    { sample: { ...PROMPT, images: ["gone.png"] } },
    /sample\.images: there is no file "\/nowhere\/gone\.png"/,
  );
});

Deno.test("checkRun() refuses noise levels that an expert has no part in", () => {
  check(T2V, { train: { timesteps: { min: 0.5 } } });
  refuses(T2V, { train: { timesteps: { min: 0.9 } } }, /noise levels from 0\.9 to 0\.875/);
  check(T2V, { train: { timesteps: { min: 0.9 } }, model: { experts: "high" } });
  check(T2V, { validation: { sigmas: [0.5, 0.9] } });
  refuses(
    T2V,
    { validation: { sigmas: [0.9, 1] } },
    /the low-noise expert: validation\.sigmas has none from 0 to 0\.875/,
  );
  refuses(TI2V, { model: { experts: "high" } }, /it has one transformer/);
});

Deno.test("checkRun() refuses a memory plan for another number of blocks", () => {
  check(TI2V, { memory: { blocks: 1 } });
  refuses(TI2V, { memory: { blocks: 9 } }, /memory\.blocks is 9, the model has \d blocks/);
  refuses(TI2V, { memory: { plan: [{ count: 9 }] } }, /memory\.plan has 9 blocks/);
});

Deno.test("checkRun() refuses an average for each of two experts on one text side", () => {
  const text = { textEncoder: { rank: 2 } }, optim = { name: "schedule-free" };
  refuses(T2V, { method: text, optim }, /text side of two experts with schedule-free/);
  refuses(T2V, { method: { kind: "embedding" }, optim }, /text side of two experts/);
  refuses(T2V, { method: text, train: { experts: { low: { optim } } } }, /text side of two experts/);
  check(T2V, { method: text, optim, model: { experts: "low" } });
  check(T2V, { method: text });
  check(TI2V, { method: text, optim });
});

Deno.test("checkRun() refuses a word that cleaning changes in every prompt", () => {
  const token = (word: string): Sections => ({ method: { kind: "embedding", token: word } });
  check(TI2V, token("<my-cat>"));
  check(TI2V, token("Café*"));
  for (const word of ["‹my’cat>", "＜cat＞", "‹ﬁsh>", "&lt;x&gt;"]) {
    refuses(TI2V, token(word), /prompts are cleaned, and then have .* in its place/);
  }
});

Deno.test("checkNames() refuses groups, parameters and layers that there are none of", () => {
  const groups = (match: string): Sections => ({ optim: { groups: [{ match }] } });
  check(TI2V, groups("*.lora_B.weight"));
  refuses(TI2V, groups("*.lora_C.weight"), /no trained tensor is in the group of \*\.lora_C\.weight/);
  refuses(TI2V, { method: { kind: "full", parameters: ["blocks.0.*", "blocks.99.*"] } }, /Cannot train blocks\.99\.\*/);
  refuses(TI2V, { method: { targets: ["to_x"] } }, /Cannot train to_x/);
  refuses(TI2V, { method: { textEncoder: { targets: ["to_q"] } } }, /choose method\.textEncoder\.targets/i);
  check(TI2V, { ...groups("text_encoder.*"), method: { textEncoder: { rank: 2 } } });
});

Deno.test("checkNames() refuses a file to start from that does not fit", () =>
  withFolder(async (folder) => {
    const method = { rank: 2, targets: "attention" };
    let init = "";
    await withSession({ folder, sections: { method, train: { steps: 1 } } }, (session) => {
      takeSteps(session);
      [init = ""] = saveOutputs(session, { folder, taken: { only: 1 } });
    });
    check(TI2V, { method: { ...method, init } });
    assert.throws(() => check(TI2V, { method: { ...method, init: "gone.safetensors" } }), WeightsError);
    assert.throws(() => check(TI2V, { method: { kind: "embedding", init } }), /none is called/);
    assert.throws(() => check(TI2V, { method: { ...method, rank: 3, init } }), WeightsError);
    assert.throws(
      () => check(TI2V, { method: { ...method, init, textEncoder: { rank: 2 } } }),
      /it has no adapters of the text encoder, which the config trains too/,
    );
  }));

Deno.test("a run that would hold all of its clips out is refused before any is encoded", () =>
  withFolder(async (folder) => {
    const stages: string[] = [];
    await assert.rejects(
      withSession({
        folder,
        sections: { validation: {} },
        emit: (event) => event.type === "stage" && stages.push(event.stage),
      }, () => {}),
      /Cannot train on any clip: all are on the other side/,
    );
    assert(stages.includes("probing") && !stages.includes("encoding"), join(...new Set(stages)));
  }));
