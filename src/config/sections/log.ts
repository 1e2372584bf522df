/** Section `log`: what is written about a run besides its own records. */

import { z } from "zod";
import { field, section } from "./field.ts";

/** Schema of `log`. */
export const logSchema = section({
  tensorboard: field(z.boolean().default(true), {
    title: "TensorBoard",
    description: "Whether the numbers of the run are also written as TensorBoard event files in its folder.",
  }),
}, { title: "Logging", description: "What is written about a run besides its own records." });
