/** Opens libtorch for a command: found, matched with a shim, opened. */
import { findLibtorch, shimFor } from "../setup/mod.ts";
import { libtorchMinor, openTorch } from "../torch/mod.ts";
import { complain } from "./output.ts";

/**
 * Opens libtorch; nothing of it is loaded before.
 * @param options.libtorch its folder, if the user named one
 * @param options.threads host threads
 * @throws {SetupError} if there is none, or it cannot be used
 */
export async function openLibtorch(
  options: { libtorch?: string | undefined; threads?: number | "auto" } = {},
): Promise<void> {
  const { libtorch, threads } = options;
  const { dir } = await findLibtorch(libtorch === undefined ? {} : { libtorch });
  const minor = libtorchMinor(dir);
  const shim = await shimFor(dir, { minor, say: complain });
  openTorch({
    libtorch: dir,
    shim,
    torchMinor: minor,
    threads: typeof threads === "number" ? threads : navigator.hardwareConcurrency,
  });
}
