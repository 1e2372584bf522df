/** The command line. */

export { main } from "./cli.ts";
export { VERSION } from "../base/mod.ts";
