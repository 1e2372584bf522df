/** The events of a run on their way to those who hear them: the terminal, and TensorBoard's files. */
import type { LogConfig } from "../config/mod.ts";
import { EventBus } from "../events/mod.ts";
import { type RunFolder, TensorBoardLog } from "../runs/mod.ts";
import { writeText } from "./output.ts";
import { type Renderer, rendererForStdout } from "./render.ts";

/** A bus that records into a run's folder. Disposing of it ends the live line and closes the files. */
export interface RunBus extends Disposable {
  readonly bus: EventBus;
  readonly renderer: Renderer;
}

/** Opens the bus of a run. */
export function openRunBus(folder: RunFolder, { log, json }: { log: LogConfig; json: boolean }): RunBus {
  using stack = new DisposableStack();
  const bus = new EventBus(folder.append);
  const renderer = rendererForStdout({
    json,
    run: folder.path,
    write: (text) => writeText(Deno.stdout, text),
  });
  stack.defer(() => renderer.close());
  bus.subscribe(renderer.read, { name: "the terminal" });
  if (log.tensorboard) {
    bus.subscribe(stack.use(new TensorBoardLog(folder.path)).read, { name: "the TensorBoard file" });
  }
  const owned = stack.move();
  return { bus, renderer, [Symbol.dispose]: () => owned.dispose() };
}
