/** Layers and how they get their parameters. Nothing here knows about WAN. */
export { type Adapter, type Layer, Linear } from "./linear.ts";
export type { AdapterData, AdapterKind, AdapterPart, WeightAdapter } from "./adapter_data.ts";
export {
  adapterMisfit,
  type AdapterModules,
  AdapterSet,
  adaptersOf,
  type ApplyOptions,
  differenceTargets,
  mergeAdapters,
  mergeBias,
} from "./adapter_set.ts";
export { type BlockParams, type BlockSource, BlockWeights, type WeightPlace } from "./block_weights.ts";
export { Dora } from "./dora.ts";
export { AdapterDropout } from "./dropout.ts";
export { freshAdapter, type FreshOptions } from "./fresh_adapter.ts";
export { HostBytes } from "./host_bytes.ts";
export { Lora } from "./lora.ts";
export { BiasDifference, Loha, Lokr, WeightDifference } from "./lycoris.ts";
export { capNorm } from "./norm_cap.ts";
export { LayerNorm, RmsNorm } from "./norm.ts";
export { buildModel, type Built, checkParams, parameterShapes, Params, type ParamSource } from "./params.ts";
export { isQuantizable, type Quantization, QuantizedWeight } from "./quantized.ts";
