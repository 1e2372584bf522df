/** Getting ready: libtorch found or fetched, and the shim that fits it. */
export { findLibtorch, type Libtorch, SUPPORTED_MINORS } from "./find.ts";
export { shimFor } from "./shim.ts";
