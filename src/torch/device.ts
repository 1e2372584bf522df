/** Devices: `cpu`, `cuda:0` (an NVIDIA or an AMD card: ROCm's libtorch calls its devices cuda too), `meta`. */
import { ConfigError } from "../base/mod.ts";
import { native, readText } from "./library.ts";
import { check } from "./call.ts";

/** A device by name; `cuda` alone is `cuda:0`. */
export type Device = "cpu" | "meta" | "cuda" | `cuda:${number}`;

const TYPES = { cpu: 0, cuda: 1, meta: 14 } as const;

/** libtorch's device type and index for a name. @throws {ConfigError} for any other name */
export function deviceCode(device: Device): { type: number; index: number } {
  const [name, index] = device.split(":");
  if (name === "cpu" || name === "meta") return { type: TYPES[name], index: -1 };
  if (name === "cuda") return { type: TYPES.cuda, index: index === undefined ? 0 : Number(index) };
  throw new ConfigError(`Cannot use device ${JSON.stringify(device)}: it is none of cpu, cuda, cuda:N.`);
}

/** The name of libtorch's device type and index. */
export function deviceName(type: number, index: number): Device {
  if (type === TYPES.cpu) return "cpu";
  if (type === TYPES.meta) return "meta";
  if (type === TYPES.cuda) return `cuda:${Math.max(index, 0)}`;
  throw new ConfigError(`Cannot use libtorch's device type ${type}: it is none of cpu, cuda.`);
}

/** How many CUDA or ROCm devices libtorch sees. */
export function cudaDeviceCount(): number {
  const library = native();
  const count = library.symbols.wt_device_count(TYPES.cuda);
  return count < 0 ? 0 : count;
}

/** Waits until a device has finished what it was given. Does nothing on the host. */
export function synchronize(device: Device): void {
  const { type, index } = deviceCode(device);
  check(native().symbols.wt_synchronize(type, index));
}

/**
 * Bytes held by a device's allocator: live tensors now, at their peak, and reserved from the driver. The host's are counted
 * alike; memory of mapped files is not among them. What the driver has left is undefined where libtorch cannot tell.
 */
export function deviceMemory(
  device: Device,
): { allocated: number; peak: number; reserved: number; free: number | undefined } {
  const { type, index } = deviceCode(device);
  const library = native();
  check(library.symbols.wt_memory(type, index));
  const [allocated = 0, peak = 0, reserved = 0, free = -1] = library.results;
  return { allocated, peak, reserved, free: free < 0 ? undefined : free };
}

/** Starts a device's peak figure anew. */
export function resetPeakMemory(device: Device): void {
  const { type, index } = deviceCode(device);
  check(native().symbols.wt_reset_peak(type, index));
}

/** Gives free memory that the allocator keeps back to the driver or the system. */
export function emptyCache(device: Device): void {
  check(native().symbols.wt_empty_cache(deviceCode(device).type));
}

/** Bytes that the host's tensors may hold in all before an operator fails with `OutOfMemory`; undefined: no limit. */
export function limitHostMemory(bytes: number | undefined): void {
  check(native().symbols.wt_limit_host_memory(bytes ?? 0));
}

/**
 * Whether operators on a card give the same bits for the same inputs each time, as they do on the host. Off until set; some
 * operators are slower so, and the backward of attention is the one that is felt. One that has no such form is refused from then
 * on, with a {TorchError}.
 */
export function setDeterministic(on: boolean): void {
  check(native().symbols.wt_deterministic(Number(on)));
}

/** Sets (when given) and returns the number of host threads that operators use. */
export function hostThreads(count = 0): number {
  const threads = native().symbols.wt_threads(count);
  if (threads < 0) throw new RangeError(readText(native()));
  return threads;
}
