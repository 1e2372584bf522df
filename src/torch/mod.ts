/** The tensor library: libtorch behind a small C boundary. Nothing here knows about models. */
export type { Handle } from "./call.ts";
export * from "./create.ts";
export {
  cudaDeviceCount,
  type Device,
  deviceMemory,
  emptyCache,
  hostThreads,
  limitHostMemory,
  resetPeakMemory,
  setDeterministic,
  synchronize,
} from "./device.ts";
export { dims } from "./dims.ts";
export { type DType, dtypeSize, isFloating } from "./dtype.ts";
export * from "./functional.ts";
export { enableGrad, grad, noGrad } from "./grad.ts";
export { libtorchMinor, openTorch } from "./open.ts";
export { freeAll, liveHandles, tidy, unscoped } from "./scope.ts";
export { type FileRegion, mapFile, MappedFile, prefetch, readInto } from "./storage.ts";
export { CopyStream, DeviceEvent } from "./stream.ts";
export { Tensor } from "./tensor.ts";
export * as ops from "./gen/ops.ts";
