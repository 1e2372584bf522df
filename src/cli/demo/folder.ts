/** The demo's own folder: what it works on is copied out of the program, so that one can look at it and train it again. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { assetPath, makeFolder, SetupError, writeAtomically } from "../../base/mod.ts";

/**
 * Copies model, clips and config into a folder.
 * @returns the path of the config
 * @throws {DiskError} if the disk refuses
 */
export function prepareDemoFolder(folder: string): string {
  const source = assetPath("presets/demo");
  if (source === undefined) {
    throw new SetupError("Cannot run the demo: this build of wantune carries no demo.", {
      cure: "use a released executable, or run from the source",
    });
  }
  copyTree(source, folder);
  return join(folder, "demo.jsonc");
}

function copyTree(from: string, to: string): void {
  makeFolder(to);
  for (const entry of Deno.readDirSync(from)) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory) copyTree(source, target);
    else if (!existsSync(target) || Deno.statSync(target).size !== Deno.statSync(source).size) {
      writeAtomically(target, Deno.readFileSync(source));
    }
  }
}
