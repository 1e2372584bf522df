/** The entry point: arguments to the command line, its answer to the shell. */

import { main } from "./src/cli/mod.ts";

if (import.meta.main) Deno.exit(await main(Deno.args));
