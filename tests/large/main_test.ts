import assert from "node:assert/strict";
import { join } from "node:path";

Deno.test("the checks at real size run to their end, on tiny models", async () => {
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--quiet", join(import.meta.dirname ?? ".", "main.ts"), "--tiny"],
    stderr: "inherit",
  }).output();
  const lines = new TextDecoder().decode(stdout);
  assert(success, lines);
  for (const what of ["latents", "gradients"]) assert.match(lines, new RegExp(`both give the same ${what} +yes`));
  assert.match(lines, /a14b[^]*a LoRA's training step, mapped, peak resident .* ok, at most 5 GB/);
});
