/** Where test data lies. */

import { join, resolve } from "node:path";

/** The folder of golden cases: `WANTUNE_GOLDEN`, else `tests/golden`. */
export function goldenDir(): string {
  const own = Deno.env.get("WANTUNE_GOLDEN");
  return own ? resolve(own) : join(import.meta.dirname ?? ".", "..", "golden");
}
