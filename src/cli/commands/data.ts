/** `wantune data`: what becomes of the files of a config, before anything is loaded or encoded. */
import type { Command } from "@commander-js/extra-typings";
import { gather, whole } from "../sample/options.ts";

/** Adds the command. */
export function register(program: Command): void {
  program.command("data")
    .description(
      "Says what becomes of every file: used, with its windows, speed, crop and bucket, or rejected, with reason and " +
        "cure. Loads no weights; without the model's folder it is enough to name the variant.",
    )
    .argument("<config>", "config file (JSONC)")
    .option("--html <file>", "write a page with pictures of the frames that will be used")
    .option("--pictures <number>", "files shown with pictures on the page", whole(0), 300)
    .option("--all", "list every file in the terminal, not only the first ones")
    .option("--variant <name>", "take this variant's sizes and frame rate, such as wan2.2-ti2v-5b")
    .option("--set <key=value>", "override a value of the config, as often as needed", gather, [])
    .option("--json", "print one JSON object")
    .action(async (path, options) => {
      const { showData } = await import("../data/show.ts");
      await showData(path, options);
    });
}
