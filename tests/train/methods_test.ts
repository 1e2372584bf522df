/** Every method through the trainer's own parts: it learns, resumes to the bit, and its files give the trained model's output. */
import assert from "node:assert/strict";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { noGrad, type Tensor, tidy } from "../../src/torch/mod.ts";
import { loadCheckpoint, saveCheckpoint, stateOf } from "../../src/train/checkpoint.ts";
import { saveOutputs } from "../../src/train/outputs.ts";
import type { Session } from "../../src/train/setup.ts";
import { wholeCheckpoints } from "../../src/runs/mod.ts";
import {
  applyAdapters,
  encodePrompt,
  learnTokens,
  loadTransformer,
  type ModelSource,
  openModel,
  type Tokenizer,
  type Umt5Encoder,
} from "../../src/wan/mod.ts";
import { AdapterFile, readEmbedding } from "../../src/weights/mod.ts";
import { probe, takeSteps, TI2V, trainedBytes, withSession } from "../support/session.ts";
import { withFolder } from "../support/tmp.ts";
import { useTorch } from "../support/torch.ts";
import type { Sections } from "../support/workplace.ts";

await useTorch();

const TOKEN = "<plant>";
const PROMPT = `a ${TOKEN} at the window`;
const WORD: Sections = {
  method: { kind: "embedding", token: TOKEN, vectors: 3 },
  data: { triggerWord: TOKEN },
  optim: { learningRate: 0.1, warmupSteps: 0 },
};

const METHODS: Readonly<Record<string, Sections>> = {
  "LoRA on everything, with dropout and ranks of its own": {
    method: {
      kind: "lora",
      rank: 4,
      alpha: 2,
      dropout: 0.1,
      rankStabilized: true,
      targets: "all",
      exclude: ["attn2.to_q"],
      layers: [{ match: "attn1.*", rank: 2 }, { match: "blocks.{0..1}.ffn.*", alpha: 8 }],
      maxNorm: 0.5,
    },
  },
  "DoRA": { method: { kind: "dora", rank: 2, targets: "attention" } },
  "LoKr": { method: { kind: "lokr", rank: 2, factor: 4 }, save: { formats: ["comfyui", "musubi"] } },
  "LoRA on the transformer and the text encoder": { method: { kind: "lora", rank: 2, textEncoder: { rank: 2 } } },
  "DoRA on the transformer and the text encoder": { method: { kind: "dora", rank: 2, textEncoder: { rank: 2 } } },
  "full fine-tuning": { method: { kind: "full" } },
  "full fine-tuning of some layers": {
    method: { kind: "full", parameters: ["blocks.{1..2}.attn1.*", "proj_out.bias"] },
  },
  "an embedding": WORD,
};

/** The rows of a prompt by an encoder, [512, D]. */
function rowsOf(encoder: Umt5Encoder, { tokenizer, path }: { tokenizer: Tokenizer; path?: string }): Tensor {
  if (path === undefined) return encodePrompt(PROMPT, { tokenizer, encoder });
  using file = readEmbedding(path, { width: encoder.config.width });
  const learned = learnTokens(tokenizer, [{ ...file, numVectors: file.vectors.size(0) }]);
  const extraEmbeddings = { firstId: learned.firstId, vectors: file.vectors };
  return encodePrompt(learned.expand(PROMPT), { tokenizer: learned.tokenizer, encoder, extraEmbeddings });
}

/** The output of the model that a file or folder was made of, on top of the base. */
function outputWith(path: string, { models, kind }: { models: ModelSource; kind: string }): number[] {
  return noGrad(() =>
    tidy(() => {
      using owned = new DisposableStack();
      const isFolder = statSync(path).isDirectory();
      const folder = isFolder ? path : TI2V;
      const { model } = loadTransformer(join(folder, "transformer"), { dtype: "float32" });
      owned.use(model);
      const encoder = owned.use(models.loadTextEncoder());
      const tokenizer = models.loadTokenizer();
      if (kind === "embedding") return probe(model, { text: rowsOf(encoder, { tokenizer, path }), timestep: 500 });
      if (!isFolder && kind !== "full") {
        using file = AdapterFile.open(path);
        owned.use(applyAdapters(model.everyLinear, { path, component: "transformer" }));
        if (file.components.includes("text_encoder")) {
          owned.use(applyAdapters(encoder.linears, { path, component: "text_encoder" }));
        }
      }
      return probe(model, { text: rowsOf(encoder, { tokenizer }), timestep: 500 });
    })
  );
}

/** The same of a session as it is. */
function outputOf({ trainees: [trainee], text, models }: Session): number[] {
  assert(trainee !== undefined);
  return noGrad(() =>
    tidy(() => {
      if (text !== undefined) return probe(trainee.model, { text: text.encode(PROMPT), timestep: 500 });
      using encoder = models.loadTextEncoder();
      return probe(trainee.model, { text: rowsOf(encoder, { tokenizer: models.loadTokenizer() }), timestep: 500 });
    })
  );
}

function distance(a: readonly number[], b: readonly number[]): number {
  assert.equal(a.length, b.length);
  const squares = a.map((value, i) => (value - (b[i] ?? NaN)) ** 2).reduce((sum, square) => sum + square);
  return Math.sqrt(squares / a.map((value) => value * value).reduce((sum, square) => sum + square));
}

for (const [name, sections] of Object.entries(METHODS)) {
  Deno.test(`${name}: moves every trained tensor, resumes to the bit, and its files give its output`, () =>
    withFolder(async (folder) => {
      let unbroken = new Map<string, Uint8Array>();
      await withSession({ folder, sections }, (session) => {
        const start = trainedBytes(session), before = outputOf(session);
        const steps = takeSteps(session, { end: 2 });
        saveCheckpoint(folder, { step: 2, configHash: "h", state: stateOf(session) });
        steps.push(...takeSteps(session, { first: 2 }));
        assert(steps.every(({ loss, gradNorm }) => Number.isFinite(loss) && gradNorm > 0));
        unbroken = trainedBytes(session);
        const still = [...unbroken].filter(([key, bytes]) => start.get(key)?.every((byte, i) => byte === bytes[i]));
        assert.deepEqual(still.map(([key]) => key), []);
        const trained = outputOf(session);
        assert(distance(trained, before) > 1e-4, "nothing was learned");
        const { kind } = session.config.method;
        const out = join(folder, "out");
        const paths = saveOutputs(session, { folder: out, taken: { only: 4 } });
        assert.deepEqual(readdirSync(out).sort(), paths.map((path) => path.slice(out.length + 1)).sort());
        for (const path of paths) {
          if (kind === "full" && !statSync(path).isDirectory()) continue; // below
          const gap = distance(outputWith(path, { models: session.models, kind }), trained);
          assert(gap < 2e-6, `${path}: ${gap}`);
        }
      });
      await withSession({ folder, sections }, (session) => {
        const [checkpoint] = wholeCheckpoints(folder);
        assert(checkpoint !== undefined);
        assert.equal(loadCheckpoint(checkpoint, { configHashes: ["h"], state: stateOf(session) }), 2);
        takeSteps(session, { first: 2 });
        assert.deepEqual(trainedBytes(session), unbroken);
      });
    }));
}

Deno.test("a fully trained model's single file holds what the folder does", () =>
  withFolder(async (folder) => {
    await withSession({ folder, sections: { method: { kind: "full" }, train: { steps: 1 } } }, (session) => {
      takeSteps(session);
      const [whole = "", single = ""] = saveOutputs(session, { folder, taken: { only: 1 } });
      const files = {
        vae: join(TI2V, "vae"),
        textEncoder: join(TI2V, "text_encoder"),
        tokenizer: join(TI2V, "tokenizer"),
      };
      const models = openModel({ transformer: single, ...files });
      using a = models.openWeights("transformer");
      using b = openModel(whole).openWeights("transformer");
      assert.deepEqual([...a.keys()].sort(), [...b.keys()].sort());
      tidy(() => {
        for (const key of a.keys()) assert(a.load(key).equal(b.load(key)), key);
      });
    });
  }));
