/** Work that runs beside other work on a device. On the host everything happens in turn, and all of this does nothing. */
import { check } from "./call.ts";
import { type Device, deviceCode } from "./device.ts";
import { native } from "./library.ts";

/** A stream of its own on a device, for copies beside computing. */
export class CopyStream implements Disposable {
  #handle: number;

  constructor(device: Device) {
    const { type, index } = deviceCode(device);
    this.#handle = device === "cpu" ? 0 : check(native().symbols.wt_stream(type, index));
  }

  /** Runs a function whose operators go onto this stream. */
  run<T>(work: () => T): T {
    if (this.#handle === 0) return work();
    const { symbols } = native();
    check(symbols.wt_stream_swap(this.#handle));
    try {
      return work();
    } finally {
      check(symbols.wt_stream_swap(this.#handle));
    }
  }

  [Symbol.dispose](): void {
    if (this.#handle !== 0) check(native().symbols.wt_stream_free(this.#handle));
    this.#handle = 0;
  }
}

/** A point in the work of a stream, which other streams can wait for without the host waiting. */
export class DeviceEvent implements Disposable {
  #handle: number;
  readonly #type: number;
  readonly #index: number;

  constructor(device: Device) {
    const { type, index } = deviceCode(device);
    this.#type = type;
    this.#index = index;
    this.#handle = device === "cpu" ? 0 : check(native().symbols.wt_event(type));
  }

  /** Marks the point that the current stream has been given work up to. */
  record(): void {
    if (this.#handle !== 0) check(native().symbols.wt_event_record(this.#handle, this.#type, this.#index));
  }

  /** Later work of the current stream starts when the point is reached. */
  wait(): void {
    if (this.#handle !== 0) check(native().symbols.wt_event_wait(this.#handle, this.#type, this.#index));
  }

  [Symbol.dispose](): void {
    if (this.#handle !== 0) check(native().symbols.wt_event_free(this.#handle));
    this.#handle = 0;
  }
}
