/** Getting ready: libtorch found or fetched, and the shim that fits it. */
export { fetchLibtorch, type FetchOptions, type SetupProgress } from "./fetch.ts";
export { fetchedLibtorchs, findLibtorch, type Libtorch, SUPPORTED_MINORS } from "./find.ts";
export { findCompiler, findShim, shimFor } from "./shim.ts";
export { devices, type SetupDevice } from "./wheels.ts";
