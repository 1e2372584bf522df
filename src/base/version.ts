/** The version of this program. */

import settings from "../../deno.json" with { type: "json" };

/** Version of wantune, as in deno.json. */
export const VERSION: string = settings.version;
