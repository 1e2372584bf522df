/** `wantune cache CONFIG`, and `cache stats|verify|prune`: what is encoded, ahead of a run and after it. */
import type { Command } from "@commander-js/extra-typings";
import { gather, real } from "../sample/options.ts";

const PLACE = "a config, for the cache that it uses, or a cache's folder; default: this user's cache";

/** Adds the command. */
export function register(program: Command): void {
  const cache = program.command("cache")
    .description(
      "Encodes the clips and captions of a config, as far as they are not in the cache. Stopped or killed, it goes on " +
        "where it was; two may fill one cache together. What is in the cache is looked after by stats, verify and prune.",
    )
    .argument("[config]", "config file (JSONC)")
    .option("--set <key=value>", "override a value of the config, as often as needed", gather, [])
    .option("--libtorch <folder>", "folder that holds libtorch.so")
    .option("--json", "events as JSON, one a line; the last line is the result")
    .action(async (path, options) => {
      const { fillCache } = await import("../cache/fill.ts");
      await fillCache({ path, ...options });
    });
  cache.command("stats")
    .description("Say what a cache holds and what of it runs use now.")
    .argument("[place]", PLACE)
    .option("--json", "print one JSON object")
    .action(async (place, options) => {
      const { showStats } = await import("../cache/care.ts");
      showStats(place, options);
    });
  cache.command("verify")
    .description(
      "Read every entry and compare it with the hash that was written with it. Exits with 3 if one is damaged.",
    )
    .argument("[place]", PLACE)
    .option("--repair", "remove what is damaged, so that it is encoded again")
    .option("--json", "print one JSON object")
    .action(async (place, options) => {
      const { verify } = await import("../cache/care.ts");
      verify(place, options);
    });
  cache.command("prune")
    .description(
      "Remove what was not used for longest, down to a size, and what kills left behind. What a run uses now stays.",
    )
    .argument("[place]", PLACE)
    .option(
      "--max <GiB>",
      "size to come down to; default: the config's data.cache.maxGiB, if a config is named",
      real({ from: 0 }),
    )
    .option("--older <days>", "remove what was not used for so many days", real({ from: 0 }))
    .option("--json", "print one JSON object")
    .action(async (place, options) => {
      const { prune } = await import("../cache/care.ts");
      await prune(place, options);
    });
}
