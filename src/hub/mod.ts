/** Models from the Hugging Face hub. */

export { HubClient, type HubFile, type HubOptions } from "./client.ts";
export { getModel, type GetOptions, type GetProgress, type GotModel } from "./get.ts";
export { PRESETS, repositoryOf } from "./presets.ts";
export { type Origin, originOf } from "./record.ts";
export { type Layout, layoutOf, selectFiles, type Selection } from "./select.ts";
