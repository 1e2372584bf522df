/** The configs that ship with wantune, by name. */

import { join } from "node:path";
import { parse } from "jsonc-parser";
import { assetPath, ConfigError, nearest } from "../base/mod.ts";

const SUFFIX = ".jsonc";

/** The names of all presets, sorted. */
export function presetNames(): string[] {
  const folder = assetPath("presets");
  if (folder === undefined) return [];
  return [...Deno.readDirSync(folder)]
    .filter((entry) => entry.isFile && entry.name.endsWith(SUFFIX))
    .map((entry) => entry.name.slice(0, -SUFFIX.length))
    .sort();
}

/** What a preset is for: the comment that it begins with, on one line. */
export function presetPurpose(name: string): string {
  const comment = /^(?:\s*\/\/.*\n)+/.exec(presetText(name))?.[0] ?? "";
  return comment.split("\n").map((line) => line.replace(/^\s*\/\/\s?/, "")).join(" ").trim().replace(/(?<=\.) .*/s, "");
}

/** A config to begin with: it extends a preset and names what only the user can know. @throws {ConfigError} like `presetText` */
export function starterConfig(preset: string): string {
  const purpose = presetPurpose(preset);
  return `// ${purpose}
// Everything that is not written here comes from the preset; \`wantune config fields\` explains each field.
{
  "extends": ${JSON.stringify(preset)},
  "model": {
    // The model's folder; \`wantune model get\` fetches one.
    "weights": ${JSON.stringify(weightsOf(preset))}
  },
  "data": {
    // Your clips and stills, each with its caption in a .txt file of the same name.
    "sources": [{ "path": "clips" }]
  }
}
`;
}

function weightsOf(preset: string): string {
  const { weights } = (parse(presetText(preset)) as { model?: { weights?: string } }).model ?? {};
  return weights ?? "models/my-model";
}

/** A preset's text (JSONC). @throws {ConfigError} if there is none of that name */
export function presetText(name: string): string {
  const names = presetNames();
  const folder = assetPath("presets");
  if (folder === undefined || !names.includes(name)) {
    const near = nearest(name, names);
    throw new ConfigError(`Cannot find the preset "${name}": known are ${names.join(", ") || "none"}.`, {
      cure: near === undefined ? "use one of these, or a path such as ./base.jsonc" : `write "${near}"`,
    });
  }
  return Deno.readTextFileSync(join(folder, name + SUFFIX));
}
