/** Section `data.cache`: where encoded clips and prompts are kept, and how much of them. */

import { z } from "zod";
import { field, section } from "./field.ts";

/** Schema of `data.cache`. */
export const dataCacheSchema = section({
  dir: field(z.string().min(1).default("auto"), {
    title: "Folder",
    description: "Folder of encoded clips and prompts; auto is one shared by all runs of this user.",
  }),
  maxGiB: field(z.number().min(0).max(1_000_000).optional(), {
    title: "Size limit",
    unit: "GiB",
    description: "Above it, what was not used for longest is removed, but nothing that a run uses now; " +
      "absent means no limit.",
  }),
}, { title: "Cache", description: "What is encoded once and kept for later runs." });
