/**
 * `deno run -A tests/support/each_plan.ts FOLDER PRESET=MODEL …`: what `wantune plan --json` says of each preset on a small
 * model and the demo's clips, a line each, in one process; FOLDER is the cache.
 */
import { main } from "../../src/cli/mod.ts";
import { parseConfig, presetText } from "../../src/config/mod.ts";

/** What a preset trains, on a model of fewer blocks: any block stands for those that it names. */
function smallMethod(preset: string): { parameters?: string[] } {
  const { method } = parseConfig(presetText(preset), { path: "/preset.jsonc" });
  if (method.kind !== "full" || method.parameters === "all") return {};
  return { parameters: method.parameters.map((pattern) => pattern.replace(/\{\d+\.\.\d+\}/, "*")) };
}

const [folder = "", ...pairs] = Deno.args;
const clips = new URL("../../presets/demo/clips", import.meta.url).pathname;
for (const pair of pairs) {
  const [preset = "", model = ""] = pair.split("=");
  const path = `${folder}/${preset}.jsonc`;
  Deno.writeTextFileSync(
    path,
    JSON.stringify({
      extends: preset,
      model: { weights: model, device: "cpu" },
      method: smallMethod(preset),
      data: { sources: [{ path: clips }], resolution: 64, cache: { dir: `${folder}/cache` } },
    }),
  );
  const code = await main(["plan", path, "--json"]);
  if (code !== 0) Deno.exit(code);
}
