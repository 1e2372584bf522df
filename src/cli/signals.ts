/**
 * Ctrl-C and its kin. The first asks the run to stop after this step; the second ends the process at once.
 *
 * A blocking call into libtorch freezes this thread, and with it every listener here. So a worker thread listens: it sets
 * a flag in shared memory, which the trainer reads between steps, and on the second signal ends the process through the
 * C library, which works while this thread is busy.
 */

import { EXIT } from "../base/mod.ts";

/** Source of the worker. It is text because a bundled program has no file of its own to start a worker from. */
const LISTENER = `
  const libc = Deno.dlopen("libc.so.6", { _exit: { parameters: ["i32"], result: "void" } });
  self.onmessage = ({ data }) => {
    const count = new Int32Array(data);
    const heard = () => {
      if (Atomics.add(count, 0, 1) > 0) libc.symbols._exit(${EXIT.stopped});
      self.postMessage("stop");
    };
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) Deno.addSignalListener(signal, heard);
    self.postMessage("ready");
  };
`;

/** Listens for the wish to stop, until it is disposed. */
export class StopSignals implements Disposable {
  readonly #count = new Int32Array(new SharedArrayBuffer(4));
  readonly #abort = new AbortController();
  readonly #worker: Worker;

  private constructor(worker: Worker) {
    this.#worker = worker;
  }

  /**
   * Begins to listen.
   * @param options.onStop called once, when this thread is next free after the first signal
   */
  static async listen(options: { onStop?: () => void } = {}): Promise<StopSignals> {
    const worker = new Worker(`data:text/javascript,${encodeURIComponent(LISTENER)}`, { type: "module" });
    const signals = new StopSignals(worker);
    await new Promise<void>((resolve, reject) => {
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(`Cannot listen for signals: ${event.message}`));
      };
      worker.onmessage = ({ data }) => {
        if (data === "ready") return resolve();
        signals.#abort.abort();
        options.onStop?.();
      };
      worker.postMessage(signals.#count.buffer);
    });
    return signals;
  }

  /** Whether someone asked to stop; true at once, even when this thread was busy meanwhile. */
  get requested(): boolean {
    return Atomics.load(this.#count, 0) > 0;
  }

  /** Aborted when someone asks to stop, for waiting on something else. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Listens no more. */
  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}
