/** Which repository is meant: a name as `owner/name`, or a short one for the published models. */

import presets from "../../specs/hub/presets.json" with { type: "json" };
import { ConfigError, nearest } from "../base/mod.ts";

/** Short names and the repositories they stand for. */
export const PRESETS: ReadonlyMap<string, string> = new Map(Object.entries(presets));

/**
 * The repository of a name.
 * @param name `owner/name`, or a key of {@linkcode PRESETS}
 * @throws {ConfigError} if it is neither, naming what was probably meant
 */
export function repositoryOf(name: string): string {
  const known = PRESETS.get(name.toLowerCase());
  if (known !== undefined) return known;
  if (/^[\w.-]+\/[\w.-]+$/.test(name) && !/(^|\/)\.+(\/|$)/.test(name)) return name;
  const meant = nearest(name, PRESETS.keys());
  throw new ConfigError(`Cannot fetch "${name}": it is no preset, and a repository is written as owner/name.`, {
    cure: meant === undefined ? `presets are ${[...PRESETS.keys()].join(", ")}` : `did you mean ${meant}?`,
  });
}
