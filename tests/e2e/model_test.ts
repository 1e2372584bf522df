/** `model run` gives the reference implementation's numbers, through files alone. */

import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { type Tensor, tidy } from "../../src/torch/mod.ts";
import { SafetensorsFile, saveSafetensors } from "../../src/weights/mod.ts";
import { distanceOf, type GoldenCase, openCase } from "../support/golden.ts";
import { goldenDir, ownGoldenDir } from "../support/paths.ts";
import { useTorch } from "../support/torch.ts";
import { assertRefused, withWorkplace, type Workplace } from "../support/workplace.ts";

await useTorch();

/** The cases of a kind. */
function casesOf(kind: string): GoldenCase[] {
  const cases = join(goldenDir(), "cases");
  return readdirSync(cases).sort().map((id) => join(cases, id))
    .filter((dir) => existsSync(join(dir, "case.json")))
    .filter((dir) => JSON.parse(Deno.readTextFileSync(join(dir, "case.json"))).kind === kind)
    .map(openCase);
}

/** A file of a case. */
function pathOf({ dir, json }: GoldenCase, file: string): string {
  return join(dir, json.files[file]?.path ?? "absent");
}

/** The arguments that every run of a case has. */
function argumentsOf(golden: GoldenCase): string[] {
  const component = z.string().parse(golden.json.component);
  const experts = existsSync(join(golden.checkpoint, "transformer_2"));
  const expert = experts ? ["--expert", component === "transformer_2" ? "low" : "high"] : [];
  return ["--model", golden.checkpoint, ...expert, "--inputs", pathOf(golden, "inputs")];
}

/** Runs the program and compares its output with a tensor of the case. */
async function check(
  { folder, run }: Workplace,
  options: { golden: GoldenCase; args: readonly string[]; file: string },
): Promise<void> {
  const { golden, args, file } = options;
  const out = join(folder, "out.safetensors");
  const { code, stderr } = await run(["model", "run", ...argumentsOf(golden), ...args, "--out", out]);
  assert.equal(code, 0, stderr);
  const limits = golden.json.compare.find((entry) => entry.file === file && entry.tensor?.startsWith("output")) ??
    golden.json.compare.find((entry) => entry.file === "outputs" && entry.tensor === "output");
  assert.ok(limits !== undefined);
  tidy(() => {
    using opened = SafetensorsFile.open(out);
    const ours = opened.read("output");
    const wanted = golden.tensor(file, golden.has(file, "output") ? "output" : "output_half");
    assert.deepEqual([ours.dtype, ours.shape], ["float32", wanted.shape]);
    const distance = distanceOf(ours, wanted, limits);
    const fits = distance.relL2 <= limits.rel_l2 || distance.worst <= 1;
    assert.ok(fits, `${golden.json.id} ${file} ${args.join(" ")}: ${JSON.stringify(distance)}`);
  });
}

for (const golden of casesOf("transformer_forward_backward")) {
  Deno.test(`model run: golden ${golden.json.id}`, () =>
    withWorkplace(async (workplace) => {
      await check(workplace, { golden, args: [], file: "outputs" });
      if (golden.json.files.outputs_bf16 === undefined) return;
      await check(workplace, { golden, args: ["--dtype", "bfloat16"], file: "outputs_bf16" });
    }));
}

for (const golden of casesOf("lora")) {
  Deno.test(`model run: golden ${golden.json.id}`, () =>
    withWorkplace(async (workplace) => {
      const lora = (form: string, strength = ""): string[] => ["--lora", `${pathOf(golden, form)}${strength}`];
      await check(workplace, { golden, args: lora("lora_diffusers"), file: "outputs" });
      await check(workplace, { golden, args: lora("lora_musubi"), file: "outputs" });
      await check(workplace, { golden, args: lora("lora_diffusers", ":0.5"), file: "outputs_half" });
      // two at half strength are one at full strength
      const both = [...lora("lora_comfy_ab_folded", ":0.5"), ...lora("lora_comfy_downup_alpha", ":0.5")];
      await check(workplace, { golden, args: both, file: "outputs" });
    }));
}

Deno.test("model run takes timesteps of any type, and refuses what does not fit in one line", () =>
  withWorkplace(async ({ folder, run }) => {
    const golden = openCase(join(ownGoldenDir(), "cases", "transformer_ti2v_scalar"));
    const model = ["--model", golden.checkpoint];
    const out = join(folder, "out.safetensors");
    const inputs = join(folder, "inputs.safetensors");
    const write = (change: (tensors: Record<string, Tensor>) => Record<string, Tensor>): void => {
      tidy(() => {
        const names = ["hidden_states", "timestep", "encoder_hidden_states"];
        saveSafetensors(inputs, change(Object.fromEntries(names.map((name) => [name, golden.tensor("inputs", name)]))));
      });
    };
    const outputs: Uint8Array[] = [];
    for (const dtype of ["float32", "float64", "int32"] as const) {
      write((tensors) => ({ ...tensors, timestep: (tensors.timestep as Tensor).to({ dtype }) }));
      const { code, stdout, stderr } = await run([
        "model",
        "run",
        ...model,
        "--inputs",
        inputs,
        "--out",
        out,
        "--json",
      ]);
      assert.equal(code, 0, stderr);
      assert.equal(JSON.parse(stdout).path, out);
      outputs.push(Deno.readFileSync(out));
    }
    assert.deepEqual(outputs[1], outputs[0]);
    assert.deepEqual(outputs[2], outputs[0]);
    Deno.removeSync(out);

    const refused = async (args: string[], code: number, pattern: RegExp): Promise<void> =>
      assertRefused(await run(["model", "run", "--inputs", inputs, "--out", out, ...args]), code, pattern);
    await refused([...model, "--expert", "low"], 2, /has one transformer\. Leave --expert out/);
    await refused(["--model", join(ownGoldenDir(), "checkpoints/t2v_a14b")], 2, /two transformers\. .*--expert high/);
    await refused(["--model", folder], 3, /no folder transformer/);
    await refused([...model, "--lora", "absent.safetensors:0.5"], 2, /Cannot use the LoRA "absent/);
    await refused([...model, "--lora", `${inputs}:loud`], 2, /strength "loud" is no number/);
    await refused([...model, "--lora", inputs], 3, /Cannot read the LoRA .*no LoRA of a WAN model/);
    const other = openCase(join(ownGoldenDir(), "cases", "lora_t2v_low"));
    await refused(
      [...model, "--lora", pathOf(other, "lora_diffusers")],
      3,
      /Cannot apply the adapter .*trained on this model/,
    );
    write(({ timestep: _, ...tensors }) => tensors);
    await refused(model, 3, /it has no tensor timestep, only .*hidden_states/);
    write((tensors) => ({ ...tensors, timestep: (tensors.timestep as Tensor).repeat([3]) }));
    await refused(model, 3, /timestep is \[\d+\], it must be \[\d+\] or \[\d+, \d+\]/);
    assert.ok(!existsSync(out));
  }));
