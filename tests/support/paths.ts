/** Where test data lies. */

import { join, resolve } from "node:path";

/** The folder of golden cases: `WANTUNE_GOLDEN`, else `tests/golden`. */
export function goldenDir(): string {
  const own = Deno.env.get("WANTUNE_GOLDEN");
  return own ? resolve(own) : join(import.meta.dirname ?? ".", "..", "golden");
}

/** The golden cases of this repository, whatever `WANTUNE_GOLDEN` says: for tests that know what is in them. */
export function ownGoldenDir(): string {
  return join(import.meta.dirname ?? ".", "..", "golden");
}
