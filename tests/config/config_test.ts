import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { ConfigError } from "../../src/base/mod.ts";
import {
  configJsonSchema,
  describeFields,
  loadConfig,
  parseConfig,
  presetNames,
  presetText,
  readPaths,
  savedFormats,
} from "../../src/config/mod.ts";
import { withFolder } from "../support/tmp.ts";

const MINIMAL = `{
  // the least that a run needs
  "model": { "weights": "w" },
  "data": { "sources": [{ "path": "clips" }] },
  "train": { "steps": 10 },
}`;
const parse = (text: string, set: string[] = []): ReturnType<typeof parseConfig> =>
  parseConfig(text, { path: "/home/me/cat.jsonc", set });

/** The lines of the error that a config gives. */
function problems(text: string, set: string[] = []): string[] {
  try {
    parse(text, set);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    assert.equal(error.exitCode, 2);
    return [...error.message.split("\n"), ...(error.cure ? [error.cure] : [])];
  }
  assert.fail("the config was accepted");
}

Deno.test("parseConfig() fills in defaults, makes paths absolute and freezes", () => {
  const config = parse(MINIMAL);
  assert.equal(config.name, "cat");
  assert.equal(config.runsDir, "/home/me/runs");
  assert.equal(config.model.weights, "/home/me/w");
  assert.deepEqual(config.data.sources, [{ path: "/home/me/clips", repeats: 1, weight: 1 }]);
  assert.equal(config.data.cache.dir, "auto");
  assert.equal(config.data.fps, "auto");
  assert(config.method.kind === "lora");
  assert.equal(config.method.rank, 32);
  assert.ok(!("alpha" in config.method));
  assert(config.optim.name === "adamw");
  assert.deepEqual(config.optim.betas, [0.9, 0.99]);
  assert.equal(config.train.timesteps.law, "logit-normal");
  assert.equal(config.train.maxGradNorm, 1);
  assert.equal(config.sample, undefined);
  assert.ok(Object.isFrozen(config) && Object.isFrozen(config.data.sources[0]) && Object.isFrozen(config.optim.betas));
});

Deno.test("readPaths() gives every file and folder that a config reads from, once", () => {
  const config = parse(MINIMAL, [
    'sample={"prompts":["a cat","runs"],"images":["/p.png"]}',
    'validation={"sources":[{"path":"/held"}]}',
    "method.init=/start.safetensors",
    'train.experts={"low":{"method":{"init":"/low.safetensors"}}}',
    "data.sources.0.captions.list=/captions.csv",
  ]);
  const own = ["/home/me/w", "/home/me/clips"];
  const more = ["/captions.csv", "/held", "/low.safetensors", "/p.png", "/start.safetensors"];
  assert.deepEqual(readPaths(config).sort(), [...own, ...more].sort());
});

Deno.test("parseConfig() of its own result gives the same config", () => {
  const config = parse(MINIMAL, ['sample={"prompts":["a cat"]}', "name=other"]);
  assert.deepEqual(parseConfig(JSON.stringify(config), { path: "/elsewhere/config.json" }), config);
});

Deno.test("model.weights is a folder, the files one by one, or files beside a folder; each is a path", () => {
  const weights = (value: unknown): string => MINIMAL.replace('"w"', JSON.stringify(value));
  assert.deepEqual(parse(weights({ folder: "m", vae: "../v.pth" })).model.weights, {
    folder: "/home/me/m",
    vae: "/home/v.pth",
  });
  assert.deepEqual(parse(MINIMAL, ["model.weights.folder=m"]).model.weights, { folder: join(Deno.cwd(), "m") });
  assert.deepEqual(parse(weights({ folder: "m", lowNoise: "l" })).model.weights, {
    folder: "/home/me/m",
    lowNoise: "/home/me/l",
  });
  assert.match(problems(weights({ folder: "m", transformer: "a", lowNoise: "a" })).join(), /but not both/);
  const files = { vae: "v", textEncoder: "t", tokenizer: "k" };
  assert.deepEqual(problems(weights({ ...files, transformer: "a", vea: "v" })), [
    'Cannot use "cat.jsonc", line 3: unknown key "model.weights.vea"; did you mean "model.weights.vae"?',
  ]);
  assert.match(problems(weights({ ...files, highNoise: "a" })).join(), /"model\.weights\.lowNoise" is missing/);
  assert.match(problems(weights({ transformer: "a" })).join(), /weights\.vae" is missing .*\.textEncoder/);
  assert.match(
    problems(weights({ folder: "m", transformer: "a", highNoise: "a", lowNoise: "a" })).join(),
    /but not both/,
  );
});

Deno.test("an unknown key is named with file, line and the nearest right name", () => {
  assert.deepEqual(problems(MINIMAL.replace('"steps": 10', '"steps": 10,\n\n  "stpes": 3')), [
    'Cannot use "cat.jsonc", line 7: unknown key "train.stpes"; did you mean "train.steps"?',
  ]);
  assert.deepEqual(problems(MINIMAL, ["rank=3"]), [
    'Cannot use --set rank: unknown key "rank"; did you mean "method.rank"?',
  ]);
  assert.match(
    problems(MINIMAL, ["optim.zebra=3"])[0] ?? "",
    /unknown key "optim.zebra"; known here: name, learningRate/,
  );
  assert.match(problems(MINIMAL, ["__proto__=3"])[0] ?? "", /unknown key "__proto__"/);
  assert.match(problems(MINIMAL.replace('"weights"', '"__proto__": {"x": 1}, "weights"'))[0] ?? "", /model.__proto__/);
});

Deno.test("each wrong value has a line with its place, the value and what is allowed", () => {
  const lines = problems(
    MINIMAL.replace('"steps": 10', '"steps": "many", "maxGradNorm": 0'),
    ["data.numFrames=48", "model.device=gpu", "data.onBadFile=ask", "optim.betas=[1,2,3]", "data.resolution=[]"],
  );
  const at = (path: string): string => lines.find((line) => line.includes(`"${path}"`)) ?? `no line for ${path}`;
  assert.equal(
    at("train.steps"),
    'Cannot use "cat.jsonc", line 5: "train.steps" is "many"; allowed is a whole number of at least 1.',
  );
  assert.match(at("train.maxGradNorm"), /is 0; allowed is a number above 0 or null\./);
  assert.match(at("data.numFrames"), /--set data.numFrames: .* is 48; allowed is a whole number of the form 4n\+1/);
  assert.match(at("model.device"), /allowed is "auto", "cpu", "cuda" or "cuda:N"/);
  assert.match(at("data.onBadFile"), /is "ask"; allowed is "skip" or "stop"\./);
  assert.match(at("optim.betas"), /is \[1,2,3\]; allowed is a list of two numbers/);
  assert.match(at("data.resolution"), /a whole number from 16 to 8192 or a section \{ width, height \}/);
  assert.ok(lines.every((line) => !line.includes("undefined")), lines.join("\n"));
});

Deno.test("a name is one that files can have, whether it is written or the config file's own", () => {
  for (const name of ["..", ".", "../x", "a/b", "a\\b", "a\nb", "\u0085", "", "é".repeat(91)]) {
    const [problem = ""] = problems(MINIMAL, [`name=${JSON.stringify(name)}`]);
    assert.match(problem, /"name" is .*; allowed is a file's name: text of at most 180 bytes/, name);
  }
  for (const name of ["..a", "v1.2", "Katze 🐈 auf dem Dach", "é".repeat(90)]) {
    assert.equal(parse(MINIMAL, [`name=${JSON.stringify(name)}`]).name, name);
  }
  const named = (file: string): string => parseConfig(MINIMAL, { path: `/nowhere/${file}` }).name;
  assert.equal(named("cat.v2.jsonc"), "cat.v2");
  for (const file of ["...jsonc", ".json", "a\\b.json"]) assert.throws(() => named(file), /"name" is /, file);
});

Deno.test("missing keys are all named, with what they are", () => {
  const lines = problems("{}");
  assert.equal(lines.length, 3);
  assert.match(lines[0] ?? "", /"cat.jsonc": "model.weights" is missing \(Folder of the model .*\); allowed is text/);
  assert.match(lines[1] ?? "", /"data.sources" is missing/);
  assert.match(lines[2] ?? "", /"train.steps" is missing/);
  assert.match(problems(MINIMAL, ["model=3"])[0] ?? "", /"model" is 3; allowed is a section \{ weights, variant/);
  assert.match(
    problems(MINIMAL, ["method.kind=full", "model.quantization=nf4"])[0] ?? "",
    /"model.quantization" is "nf4"; allowed is "none" where method.kind is "full"/,
  );
  assert.deepEqual(problems(MINIMAL, ["method.kind=lokr", 'save.formats=["musubi","diffusers"]']), [
    'Cannot use --set save.formats: "save.formats" is ["musubi","diffusers"]; allowed is "comfyui" and "musubi" where ' +
    'method.kind is "lokr", as diffusers loads LoRAs and DoRAs alone.',
  ]);
  const formats = (set: string[]): readonly string[] => savedFormats(parse(MINIMAL, set));
  assert.deepEqual(formats([]), ["diffusers", "comfyui"]);
  assert.deepEqual(formats(["method.kind=lokr"]), ["comfyui"]);
  assert.deepEqual(formats(["method.kind=lokr", 'save.formats=["musubi"]']), ["musubi"]);
  assert.match(problems(MINIMAL, ["version=2"])[0] ?? "", /"version" is 2; allowed is 1/);
});

Deno.test("a field that would be ignored beside another one is refused, and says when it counts", () => {
  const first = (...set: string[]): string => problems(MINIMAL, set)[0] ?? "";
  assert.match(
    first("optim.schedule=cosine", "optim.cycles=3"),
    /"optim.cycles" is 3; allowed is 1 here: it counts only where optim.schedule is cosine-restarts\./,
  );
  for (
    const set of [
      ["optim.minRate=0.1"],
      ["optim.name=schedule-free", "optim.power=2"],
      ["train.timesteps.law=uniform", "train.timesteps.logitStd=2"],
      ["train.timesteps.resolutionShift=[0.1,1]"],
      ["train.loss.delta=0.5"],
      ['sample.prompts=["a cat"]', "sample.solver=euler", "sample.solverOrder=1"],
      ['sample.prompts=["a cat"]', "sample.solver=dpm++", "sample.solverType=bh1"],
      ['sample.prompts=["a cat"]', "sample.solver=dpm++", "sample.corrector=false"],
      ["method.kind=embedding", "method.init=e.safetensors", "method.initWord=cat"],
      ['memory.plan=[{"count":30}]', "memory.blocks=keep"],
      ['train.experts={"high":{"optim":{"cycles":2}}}'],
    ]
  ) assert.match(first(...set), /it counts only where/, set.join(" "));
  const ema = 'optim.ema={"decay":0.9}';
  for (
    const set of [
      ["optim.name=schedule-free", ema],
      ["optim.name=adafactor", "optim.relativeStep=true", "optim.learningRate=0.5"],
      ["optim.name=adafactor", "optim.relativeStep=true", "optim.schedule=linear"],
      ["optim.name=adafactor", "optim.relativeStep=true", "optim.warmupSteps=3"],
    ]
  ) {
    assert.match(
      first(...set),
      /it does not count where optim\.(name|relativeStep) is (schedule-free|true)/,
      set.join(" "),
    );
  }
  parse(MINIMAL, ["optim.name=adafactor", "optim.relativeStep=true"]);
  const averaged = parseConfig(MINIMAL, { path: "/a.jsonc", set: [ema] });
  const own = { ...averaged, train: { ...averaged.train, experts: { low: { optim: { name: "schedule-free" } } } } };
  parse(JSON.stringify(own)); // an average of its own takes the place of the run's
  parse(MINIMAL, ["optim.schedule=rex", "optim.minRate=0.1", "train.loss.kind=huber", "train.loss.delta=0.5"]);
  const dpm = ['sample.prompts=["a cat"]', "sample.solver=dpm++", "sample.sigmas=official"];
  parse(MINIMAL, [...dpm, "sample.solverOrder=1"]);
  assert.match(
    first(...dpm, "sample.solverOrder=3"),
    /solverOrder" is 3; allowed is 1 or 2 where sample\.solver is "dpm/,
  );
});

Deno.test("describeFields() tells a field for each choice that has it otherwise", () => {
  const about = (path: string): string => describeFields(path)[0]?.description ?? "";
  assert.match(
    about("method.init"),
    /^An adapter file .* For lora, dora, lokr\. For embedding: An embedding file .*vectors/,
  );
  assert.match(
    about("optim.weightDecay"),
    /taken off per step\. For adamw, .* For adam, sgd, .*: .*added to its gradient/,
  );
  assert.match(about("optim.d0"), /^The rate it starts from\. For prodigy\.$/);
  assert.doesNotMatch(about("optim.warmupSteps"), /For /);
});

Deno.test("numbers that do not go together are refused before anything is computed with them", () => {
  const first = (...set: string[]): string => problems(MINIMAL, set)[0] ?? "";
  const free = "optim.name=schedule-free", sgd = ["optim.name=sgd", "optim.nesterov=true"];
  assert.match(first(free, "optim.betas=[0,0.9]"), /"optim\.betas\.0" is 0; allowed is a number of at least 0\.01/);
  parse(MINIMAL, [free, "optim.betas=[0.01,0]"]);
  assert.match(
    first(...sgd, "optim.momentum=0"),
    /"optim\.nesterov" is true; allowed is false here: it needs a momentum/,
  );
  assert.match(first(...sgd, "optim.dampening=0.1"), /"optim\.nesterov" is true; allowed is false/);
  parse(MINIMAL, sgd);
  const cut = ["train.timesteps.min=0.7", "train.timesteps.max=0.3"];
  assert.match(first(...cut), /"train\.timesteps\.min" is 0\.7; allowed is a number below train\.timesteps\.max/);
});

Deno.test("broken JSON and doubled keys are refused with their line", () => {
  assert.match(problems('{\n "a": \n}')[0] ?? "", /"cat.jsonc", line 3: value expected/);
  assert.match(problems('{"name": "a",\n "name": "b"}')[0] ?? "", /line 2: the key "name" stands there a second time/);
  assert.match(problems("[]")[0] ?? "", /must hold one JSON object/);
  assert.match(problems("")[0] ?? "", /value expected|one JSON object/);
});

Deno.test("--set reads JSON, else text, reaches into lists, and its paths start at the current folder", () => {
  const config = parse(MINIMAL, [
    "train.maxGradNorm=null",
    "name=12 monkeys",
    "data.sources.0.repeats=3",
    "data.sources.1.path=more",
    "data.triggerWord=a=b",
    "train.timesteps.shift=3",
    "model.weights=x/y",
  ]);
  assert.equal(config.train.maxGradNorm, null);
  assert.equal(config.name, "12 monkeys");
  assert.equal(config.data.triggerWord, "a=b");
  assert.deepEqual(config.data.sources, [{ path: "/home/me/clips", repeats: 3, weight: 1 }, {
    path: join(Deno.cwd(), "more"),
    repeats: 1,
    weight: 1,
  }]);
  assert.equal(config.train.timesteps.shift, 3);
  assert.equal(config.train.timesteps.law, "logit-normal");
  assert.equal(config.model.weights, join(Deno.cwd(), "x/y"));
  assert.match(problems(MINIMAL, ["train.steps"])[0] ?? "", /Cannot understand --set "train.steps"/);
});

Deno.test("extends lays a file over a preset or another file, and paths start where they are written", () =>
  withFolder((folder) => {
    Deno.mkdirSync(join(folder, "base"));
    Deno.writeTextFileSync(
      join(folder, "base/base.jsonc"),
      `{ "extends": "ti2v-5b-lora-24gb", "model": { "weights": "w" }, "method": { "rank": 8, "alpha": 4 } }`,
    );
    const path = join(folder, "mine.jsonc");
    Deno.writeTextFileSync(
      path,
      `{ "extends": "./base/base.jsonc", "method": { "rank": 16 }, "train": { "steps": 5 } }`,
    );
    const config = loadConfig(path);
    assert(config.method.kind === "lora");
    assert.deepEqual([config.method.rank, config.method.alpha, config.train.steps], [16, 4, 5]);
    assert.equal(config.model.weights, join(folder, "base/w"));
    assert.equal(config.data.sources[0]?.path, join(folder, "base/clips"));
    assert.equal(config.name, "mine");

    Deno.writeTextFileSync(join(folder, "base/base.jsonc"), `{ "extends": "../mine.jsonc" }`);
    assert.throws(() => loadConfig(path), /leads round in a circle/);
    assert.throws(() => loadConfig(join(folder, "no.jsonc")), /there is no such file/);
  }));

Deno.test("a problem in an extended file is placed in that file", () => {
  assert.throws(
    () => parse('{ "extends": "ti2v-5b-lora-24", "train": {} }'),
    (error: unknown) => error instanceof ConfigError && error.cure === 'write "ti2v-5b-lora-24gb"',
  );
  assert.match(problems('{"extends": 3}')[0] ?? "", /"extends" is 3/);
});

Deno.test("every preset is a complete config", () => {
  assert.ok(presetNames().includes("ti2v-5b-lora-24gb"));
  for (const name of presetNames()) {
    const config = parseConfig(presetText(name), { path: `/x/${name}.jsonc` });
    assert.equal(config.name, name);
  }
});

Deno.test("every field of the schema has a title and a description, and no default breaks its own rule", () => {
  const schema = configJsonSchema();
  assert.deepEqual(schema.required, []);
  const walk = (node: typeof schema, path: string): void => {
    for (const [key, inner] of Object.entries(node.properties ?? {})) {
      if (key !== "$schema" && key !== "extends") assert.ok(inner.title && inner.description, `${path}${key}`);
      walk(inner, `${path}${key}.`);
    }
  };
  walk(schema, "");
  assert.ok(!JSON.stringify(schema).includes("9007199254740991"));
  assert.equal(schema.properties?.data?.properties?.resolution?.unit, "pixels");
});

Deno.test("whatever stands in a config, it is accepted or refused with a ConfigError", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom("model", "data.sources", "train", "x", "sample"), (value, path) => {
      try {
        parse(MINIMAL, [`${path}=${JSON.stringify(value)}`]);
      } catch (error) {
        assert.ok(error instanceof ConfigError, String(error));
      }
    }),
  );
});

Deno.test("a field of another optimizer is refused and its owners are named", () => {
  assert.deepEqual(problems(MINIMAL, ["optim.name=prodigy", "optim.momentum=0.9"]), [
    'Cannot use --set optim.momentum: unknown key "optim.momentum" for prodigy; it belongs to muon, sgd, rmsprop',
  ]);
  assert.match(problems(MINIMAL, ["optim.d0=1e-6"])[0] ?? "", /"optim.d0" for adamw; it belongs to prodigy/);
  assert.match(
    problems(MINIMAL, ["optim.name=adam8"])[0] ?? "",
    /allowed is "adamw", "adamw-8bit", "adam",.* "rmsprop"/,
  );
  assert.match(problems(MINIMAL, ["optim.name=lion", "optim.betas=3"])[0] ?? "", /allowed is a list of two numbers/);
  assert.match(
    problems(MINIMAL, ["optim.name=schedule-free", "optim.schedule=cosine"])[0] ?? "",
    /allowed is "constant"/,
  );
});

Deno.test("naming another optimizer leaves the former one's rate and fields behind, not the schedule", () => {
  const text = MINIMAL.replace(
    '"train"',
    '"optim": { "learningRate": 3, "betas": [0, 0], "schedule": "rex" }, "train"',
  );
  const { optim } = parse(text, ["optim.dCoef=2", "optim.name=prodigy"]);
  assert(optim.name === "prodigy");
  assert.deepEqual([optim.learningRate, optim.betas, optim.dCoef, optim.schedule], [1, [0.9, 0.99], 2, "rex"]);
  const { optim: same } = parse(text, ["optim.name=adamw"]);
  assert.equal(same.learningRate, 3);
});
