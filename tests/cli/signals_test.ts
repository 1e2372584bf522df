import assert from "node:assert/strict";
import { join } from "node:path";
import { withFolder } from "../support/tmp.ts";

/** Listens, then keeps its thread busy as a call into a library would, and looks at the flag now and then. */
const BUSY = `
  const { StopSignals } = await import(Deno.args[0]);
  using signals = await StopSignals.listen();
  console.log("ready");
  const until = performance.now() + 20_000;
  while (performance.now() < until && !(signals.requested && Deno.args[1] === "obey"));
  console.log(signals.requested ? "saved" : "never heard");
  Deno.exit(signals.requested ? 130 : 1);
`;

async function start(folder: string, mode: string): Promise<{ child: Deno.ChildProcess; rest: () => Promise<string> }> {
  const script = join(folder, "busy.ts");
  Deno.writeTextFileSync(script, BUSY);
  const root = new URL("../../deno.json", import.meta.url).pathname;
  const signals = new URL("../../src/cli/signals.ts", import.meta.url).href;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--config", root, script, signals, mode],
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  assert.equal((await reader.read()).value, "ready\n");
  const rest = async (): Promise<string> => {
    let text = "";
    for (let part = await reader.read(); !part.done; part = await reader.read()) text += part.value;
    return text;
  };
  return { child, rest };
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`the first ${signal} is seen by a busy thread, which saves and ends with 130`, () =>
    withFolder(async (folder) => {
      const { child, rest } = await start(folder, "obey");
      child.kill(signal);
      assert.equal(await rest(), "saved\n");
      assert.equal((await child.status).code, 130);
    }));
}

Deno.test("the second signal ends a process whose thread is busy at once, with 130", () =>
  withFolder(async (folder) => {
    const { child, rest } = await start(folder, "ignore");
    child.kill("SIGINT");
    await new Promise((done) => setTimeout(done, 200));
    const begun = performance.now();
    child.kill("SIGINT");
    const text = await rest();
    const { code } = await child.status;
    assert.equal(code, 130);
    assert.equal(text, "");
    assert.ok(performance.now() - begun < 3000);
  }));
