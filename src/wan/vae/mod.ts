/** The WAN VAE and how it is loaded. */
export { parseVaeConfig, type VaeConfig, vaeStrides } from "./config.ts";
export { buildVae, loadVae } from "./load.ts";
export type { TileSizes, Tiling } from "./tiling.ts";
export { type FrameSource, type Posterior, vaeShapes, WanVae, type WorkOptions } from "./vae.ts";
