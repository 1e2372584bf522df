/** Makes the data report and shows it: a table, JSON, a page. */
import { basename } from "node:path";
import { formatDuration, Stopped, writeAtomically } from "../../base/mod.ts";
import { loadConfig } from "../../config/mod.ts";
import { dataReport, planDataset } from "../../data/mod.ts";
import { LiveLine } from "../live_line.ts";
import { printLine } from "../output.ts";
import { StopSignals } from "../signals.ts";
import { geometryOf } from "./geometry.ts";
import { dataPage } from "./page.ts";
import { takePictures } from "./pictures.ts";
import { reportLines } from "./table.ts";

/** Options of `wantune data`. */
export interface DataOptions {
  readonly html?: string;
  readonly pictures: number;
  readonly all?: true;
  readonly variant?: string;
  readonly set: readonly string[];
  readonly json?: true;
}

/** Plans a config's data and says what came of it. */
export async function showData(path: string, options: DataOptions): Promise<void> {
  const startedAt = performance.now();
  const config = loadConfig(path, { set: options.set });
  const geometry = geometryOf(config, options);
  using signals = await StopSignals.listen();
  using line = new LiveLine();
  try {
    const plan = await planDataset({ ...config.data, onBadFile: "skip" }, {
      geometry,
      emit: (event) => {
        if (event.type !== "stage" || !Deno.stderr.isTerminal()) return;
        line.show("looking at files", `${event.done} of ${event.total}`);
      },
      signal: signals.signal,
    });
    const report = dataReport(plan);
    if (options.html !== undefined) {
      const pictures = await takePictures(plan.used.slice(0, options.pictures), {
        signal: signals.signal,
        tell: (done, total) => {
          if (Deno.stderr.isTerminal()) line.show("taking pictures", `${done} of ${total}`);
        },
      });
      writeAtomically(options.html, dataPage(report, { name: config.name, pictures, now: new Date() }));
    }
    line.close();
    if (options.json) return printLine(JSON.stringify(report));
    for (const text of reportLines(report, { all: options.all === true })) printLine(text);
    if (options.html !== undefined) printLine(`wrote ${options.html} (${basename(path)})`);
    printLine(`looked at in ${formatDuration((performance.now() - startedAt) / 1000)}`);
  } catch (error) {
    if (!signals.requested || error !== signals.signal.reason) throw error;
    throw new Stopped("Stopped.", { cause: error });
  }
}
