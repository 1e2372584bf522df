/** The WAN VAE and how it is loaded. */
export { parseVaeConfig, type VaeConfig, vaeStrides } from "./config.ts";
export { loadVae } from "./load.ts";
export { type Posterior, WanVae } from "./vae.ts";
