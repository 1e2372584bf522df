/** Where results go: never over something that is there, unless that was asked for. */
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { ConfigError, makeFolder } from "../../base/mod.ts";

/**
 * Refuses a place that is taken. An empty folder is not.
 * @throws {ConfigError}
 */
export function checkFree(path: string, { force }: { force: boolean }): void {
  if (force || !existsSync(path) || (statSync(path).isDirectory() && readdirSync(path).length === 0)) return;
  throw new ConfigError(`Cannot write "${path}": it exists`, {
    cure: "choose another name, or replace it with --force",
  });
}

/**
 * Makes a folder or file under a name of its own and gives it the right name when it is complete; what was there before stays
 * until then.
 * @param make writes to the path it is given, which does not exist
 */
export function makeInPlace(path: string, make: (temporary: string) => void): void {
  const full = resolve(path);
  const aside = join(dirname(full), `.${basename(full)}.${Deno.pid}-${randomBytes(4).toString("hex")}`);
  makeFolder(dirname(full));
  try {
    make(`${aside}.new`);
    if (existsSync(full)) Deno.renameSync(full, `${aside}.old`);
    Deno.renameSync(`${aside}.new`, full);
  } finally {
    for (const rest of [`${aside}.new`, ...(existsSync(full) ? [`${aside}.old`] : [])]) {
      rmSync(rest, { recursive: true, force: true });
    }
  }
}
