/** `wantune setup`: libtorch for this machine and the shim that fits it. */

import { type Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { formatBytes } from "../../base/mod.ts";
import { LiveLine } from "../live_line.ts";
import { complain, printLine } from "../output.ts";
import type { Libtorch, SetupProgress } from "../../setup/mod.ts";

/** Adds the command. */
export function register(program: Command): void {
  program.command("setup")
    .description("Fetch libtorch for this machine, through pip or directly, and make the shim that fits it.")
    .addOption(
      new Option("--device <kind>", "what to compute on").choices(["cpu", "cuda", "rocm"] as const).default(
        "cpu" as const,
      ),
    )
    .option("--libtorch <folder>", "use the libtorch in this folder and fetch none")
    .option("--version <version>", "version of the torch wheel, such as 2.13.0+cpu", wheelVersion)
    .option("--index <page>", "index page or folder of wheels to take it from (also WANTUNE_WHEEL_INDEX)")
    .option("--force", "fetch and compile even if it is there")
    .option("--json", "print one JSON object")
    .action(async (options) => {
      const { libtorch, device, version, index, force } = options;
      const setup = await import("../../setup/mod.ts");
      const { StopSignals } = await import("../signals.ts");
      const { Stopped } = await import("../../base/mod.ts");
      using signals = await StopSignals.listen();
      const bar = new LiveLine();
      let found: Libtorch;
      try {
        found = libtorch !== undefined ? await setup.findLibtorch({ libtorch }) : await setup.fetchLibtorch({
          device,
          signal: signals.signal,
          onProgress: (progress) => show(bar, progress),
          say: (line) => bar.say(line),
          ...(version === undefined ? {} : { version }),
          ...(index === undefined ? {} : { index }),
          ...(force === undefined ? {} : { force }),
        });
      } catch (error) {
        if (!signals.requested) throw error;
        throw new Stopped("Stopped; what has arrived is kept.", { cure: "run it again to go on", cause: error });
      } finally {
        bar.close();
      }
      const { libtorchMinor } = await import("../../torch/mod.ts");
      const minor = libtorchMinor(found.dir);
      const shim = await setup.shimFor(found.dir, {
        minor,
        say: (line) => complain(line),
        ...(force === undefined ? {} : { force }),
      });
      if (options.json) return printLine(JSON.stringify({ ...found, minor, shim }));
      printLine(`libtorch ${found.version === "unknown" ? minor : found.version} in ${found.dir}`);
      printLine(`shim ${shim}`);
    });
}

function wheelVersion(text: string): string {
  if (/^\d+\.\d+\.\d+([.+][\w.]+)?$/.test(text)) return text;
  throw new InvalidArgumentError("It looks like 2.13.0+cpu.");
}

/** Shows where the fetch stands. */
function show(line: LiveLine, { stage, item, doneBytes, totalBytes }: SetupProgress): void {
  const verb = stage === "unpack" ? "unpacking" : stage === "pip" ? "fetching with pip" : "fetching";
  const of = totalBytes === undefined ? "" : ` of ${formatBytes(totalBytes)}`;
  line.show(`${verb} ${item}`, `${formatBytes(doneBytes)}${of}`, { finished: doneBytes === totalBytes });
}
