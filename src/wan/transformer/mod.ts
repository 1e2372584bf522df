/** The WAN transformer and how it is loaded. */
export type { BlockContext, WanBlock } from "./block.ts";
export { parseTransformerConfig, type TransformerConfig } from "./config.ts";
export {
  buildTransformer,
  keepsFloat32,
  loadTransformer,
  type TransformerFile,
  type TransformerPlace,
  transformerShapes,
} from "./load.ts";
export { isQuantizedParam } from "./param_reader.ts";
export { trainableParts, type TransformerParts } from "./parts.ts";
export { type Stem, type TransformerInputs, WanTransformer } from "./transformer.ts";
