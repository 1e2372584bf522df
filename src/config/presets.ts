/** The configs that ship with wantune, by name. */

import { join } from "node:path";
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
