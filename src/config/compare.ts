/** What differs between two configs. */

import { canonicalJson } from "../base/mod.ts";

/** One value that differs; absent where it is not set. */
export interface Difference {
  /** Dotted path in the config. */
  readonly path: string;
  readonly from?: unknown;
  readonly to?: unknown;
}

/** The values that differ between two configs, or parts of such, by path; a list is one value. */
export function configDifferences(before: unknown, after: unknown, path = ""): Difference[] {
  if (isRecord(before) && isRecord(after)) {
    return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((key) =>
      configDifferences(before[key], after[key], path === "" ? key : `${path}.${key}`)
    );
  }
  const both = before !== undefined && after !== undefined;
  if (before === after || (both && canonicalJson(before) === canonicalJson(after))) return [];
  return [{ path, ...(before === undefined ? {} : { from: before }), ...(after === undefined ? {} : { to: after }) }];
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
