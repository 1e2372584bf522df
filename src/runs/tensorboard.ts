/** A run's numbers as TensorBoard event files, beside its database: `tensorboard --logdir runs` shows them. */

import { hostname } from "node:os";
import { join } from "node:path";
import { diskError, writeAll } from "../base/mod.ts";
import type { Reader, RunEvent } from "../events/mod.ts";
import { metricsOf } from "./metrics.ts";
import { eventRecord, type Scalar } from "./tfevents.ts";

/** Hears the events of one process, and writes its own file from its first step on. */
export class TensorBoardLog implements Disposable {
  readonly #folder: string;
  #file: Deno.FsFile | undefined;

  /** @param folder the run's */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Fits {@linkcode EventBus.subscribe}. @throws {DiskError} if the disk refuses */
  readonly read: Reader = (event) => {
    const seconds = Date.parse(event.at) / 1000;
    if (event.type === "run.started") {
      // What an earlier process wrote about steps that are made again is to be forgotten.
      this.#write(eventRecord({ kind: "start", step: (event.resumedFrom ?? 0) + 1 }, seconds), seconds);
    }
    const scalars = scalarsOf(event);
    if (scalars.length === 0 || !("step" in event)) return;
    this.#write(eventRecord({ kind: "scalars", step: event.step, scalars }, seconds), seconds);
  };

  [Symbol.dispose](): void {
    this.#file?.close();
    this.#file = undefined;
  }

  #write(record: Uint8Array, seconds: number): void {
    const name = `events.out.tfevents.${Math.floor(seconds)}.${hostname()}.${Deno.pid}.0`;
    try {
      if (this.#file === undefined) {
        this.#file = Deno.openSync(join(this.#folder, name), { append: true, create: true });
        writeAll(this.#file, eventRecord({ kind: "version" }, seconds));
      }
      writeAll(this.#file, record);
    } catch (error) {
      throw diskError(`write "${join(this.#folder, name)}"`, error);
    }
  }
}

/** The numbers of an event under names that TensorBoard groups by their first part. */
function scalarsOf(event: RunEvent): Scalar[] {
  return [...metricsOf(event)].map(([name, value]) => ({
    tag: name.includes(".") ? name.replace(".", "/") : `train/${name}`,
    value,
  }));
}
