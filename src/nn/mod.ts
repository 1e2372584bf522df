/** Layers and how they get their parameters. Nothing here knows about WAN. */
export { type Adapter, type Layer, Linear } from "./linear.ts";
export { type LoraMatrices, LoraSet } from "./adapters.ts";
export { Lora } from "./lora.ts";
export { LayerNorm, RmsNorm } from "./norm.ts";
export { buildModel, type Built, checkParams, parameterShapes, Params, type ParamSource } from "./params.ts";
