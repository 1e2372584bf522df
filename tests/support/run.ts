/** Whole runs inside the test's process, on tiny models with random weights. */
import { join } from "node:path";
import { parseConfig } from "../../src/config/mod.ts";
import { EventBus, type RunEvent } from "../../src/events/mod.ts";
import { RunFolder, type Wish } from "../../src/runs/mod.ts";
import { configChanges, train } from "../../src/train/mod.ts";
import { leastConfig } from "./session.ts";
import { withFolder } from "./tmp.ts";
import type { Sections } from "./workplace.ts";

/** Makes the folder of a run that is gone afterwards. */
export function withRun(sections: Sections, body: (folder: RunFolder) => Promise<void>): Promise<void> {
  return withFolder(async (folder) => {
    using run = RunFolder.create(parseConfig(leastConfig({ folder, sections }), { path: join(folder, "run.jsonc") }));
    await body(run);
  });
}

/**
 * Trains a run, from its newest checkpoint if it has one.
 * @param options.set settings that are to be others from here on
 * @param options.wishes what is wished after a step, by the events so far
 * @returns what happened
 */
export async function trainRun(
  folder: RunFolder,
  { set = [], wishes = () => [] }: { set?: string[]; wishes?: (events: readonly RunEvent[]) => Wish[] } = {},
): Promise<RunEvent[]> {
  const config = folder.withOverrides(set);
  const bus = new EventBus(folder.append);
  const events: RunEvent[] = [];
  bus.subscribe((event) => {
    events.push(event);
  });
  await train({
    ...{ folder, config, emit: bus.emit, resume: true, version: "test" },
    changes: configChanges(folder.trainedConfig, config),
    wishes: () => wishes(events),
  });
  return events;
}
