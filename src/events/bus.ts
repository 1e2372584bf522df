/** One stream of events, many readers. */

import { isoTime, messageOf } from "../base/mod.ts";
import type { EventBody, RunEvent } from "./schema.ts";

/** Gives an event its run, number and time, and stores it where events are stored; may throw (a full disk). */
export type Recorder = (body: EventBody) => RunEvent;

/** Hears of every event, in order, after it is stored. */
export type Reader = (event: RunEvent) => void;

/** A recorder that only numbers, for work that leaves no run folder. */
export function numbering(run: string): Recorder {
  let seq = 0;
  return (body) => ({ ...body, run, seq: ++seq, at: isoTime() }) as RunEvent;
}

/**
 * Records events and tells the readers. A reader that throws is dropped, which the others learn by a `warning` event;
 * what goes wrong in a reader never reaches the one who reports.
 */
export class EventBus {
  readonly #record: Recorder;
  readonly #readers = new Map<Reader, string>();
  readonly #waiting: RunEvent[] = [];
  #telling = false;

  constructor(record: Recorder) {
    this.#record = record;
  }

  /** How many readers listen. */
  get numReaders(): number {
    return this.#readers.size;
  }

  /**
   * Lets a reader hear all events from now on.
   * @param options.name what the reader is called when it is dropped
   * @returns ends it
   */
  subscribe(reader: Reader, options: { name?: string } = {}): () => void {
    this.#readers.set(reader, options.name ?? (reader.name || "a reader"));
    return () => void this.#readers.delete(reader);
  }

  /**
   * Records an event, then tells everyone. An event that a reader reports in turn is told after this one.
   * @throws whatever the recorder throws; then nobody is told
   */
  readonly emit = (body: EventBody): RunEvent => {
    const event = this.#record(body);
    this.#waiting.push(event);
    if (this.#telling) return event;
    this.#telling = true;
    try {
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) this.#tell(next);
    } finally {
      this.#telling = false;
    }
    return event;
  };

  #tell(event: RunEvent): void {
    for (const [reader, name] of [...this.#readers]) {
      try {
        reader(event);
      } catch (error) {
        this.#readers.delete(reader);
        this.emit({
          type: "warning",
          message: `${name} failed at event ${event.seq} (${event.type}) and hears no more: ${messageOf(error)}`,
        });
      }
    }
  }
}
