/** Folders for tests that are gone afterwards, and a small disk that can be filled. */

import { join } from "node:path";

/** Runs `body` with a fresh folder and removes it afterwards. */
export async function withFolder<T>(body: (folder: string) => T | Promise<T>): Promise<T> {
  const folder = Deno.makeTempDirSync({ prefix: "wantune-test-" });
  try {
    return await body(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/**
 * Runs `body` in a file system of `kibibytes`, so that it can be filled. Needs root on Linux.
 * @returns false, without running `body`, where such a file system cannot be mounted; why is printed
 */
export async function withSmallDisk(
  kibibytes: number,
  body: (folder: string) => void | Promise<void>,
): Promise<boolean> {
  return await withFolder(async (parent) => {
    const folder = join(parent, "disk");
    Deno.mkdirSync(folder);
    const why = mount(["-t", "tmpfs", "-o", `size=${kibibytes}k`, "tmpfs", folder]);
    if (why !== undefined) {
      // deno-lint-ignore no-console
      console.log(`skipped, no small disk can be mounted: ${why}`);
      return false;
    }
    try {
      await body(folder);
    } finally {
      new Deno.Command("umount", { args: [folder] }).outputSync();
    }
    return true;
  });
}

function mount(args: string[]): string | undefined {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return "that needs root on Linux";
  try {
    const { success, stderr } = new Deno.Command("mount", { args }).outputSync();
    return success ? undefined : new TextDecoder().decode(stderr).trim();
  } catch (error) {
    return String(error);
  }
}
