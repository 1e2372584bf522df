/** Which of two experts a file is for: shapes and names of tensors do not tell, headers and names of files do. */

import { basename } from "node:path";

/** What a file says of its expert. */
export interface ExpertMark {
  readonly expert: "high" | "low";
  readonly by: "header" | "name";
}

/** Where wantune's headers have it, as kohya's programs keep a network's facts. */
const NETWORK_ARGS = "ss_network_args";

/** Which of two experts a header says the file is for; undefined if it does not. */
export function expertInHeader(metadata: ReadonlyMap<string, string>): "high" | "low" | undefined {
  const { expert } = networkArgs(metadata.get(NETWORK_ARGS));
  return expert === "high" || expert === "low" ? expert : undefined;
}

/** The header entry that says which of two experts a file is for, with what else it holds. */
export function expertEntry(metadata: ReadonlyMap<string, string>, expert: "high" | "low"): Record<string, string> {
  return { [NETWORK_ARGS]: JSON.stringify({ ...networkArgs(metadata.get(NETWORK_ARGS)), expert }) };
}

/** What kohya's programs keep as JSON; nothing where it is no object. */
function networkArgs(text = "{}"): Record<string, unknown> {
  try {
    const args: unknown = JSON.parse(text);
    return typeof args === "object" && args !== null && !Array.isArray(args) ? { ...args } : {};
  } catch {
    return {};
  }
}

/** Which of two experts a name means; undefined if it names none, or both. */
export function expertInName(name: string): "high" | "low" | undefined {
  const high = /high[-_ ]?noise/i.test(name), low = /low[-_ ]?noise/i.test(name);
  return high === low ? undefined : high ? "high" : "low";
}

/** Which of two experts a file is for, by its header or else by its own name. */
export function expertMark(path: string, metadata: ReadonlyMap<string, string>): ExpertMark | undefined {
  const header = expertInHeader(metadata), name = expertInName(basename(path));
  if (header !== undefined) return { expert: header, by: "header" };
  return name && { expert: name, by: "name" };
}
