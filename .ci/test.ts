// deno-lint-ignore-file no-console
/**
 * Runs the tests and ends with one line: `N passed, N failed, N skipped`.
 * `--golden` runs the comparisons with the reference implementation alone; other arguments go to `deno test`.
 */

const golden = Deno.args.includes("--golden");
const rest = Deno.args.filter((argument) => argument !== "--golden");
const places = golden ? ["tests/golden_test.ts"] : rest.some((argument) => !argument.startsWith("-")) ? [] : ["tests"];

const child = new Deno.Command(Deno.execPath(), {
  args: ["test", "-A", "--no-check", ...places, ...rest],
  stdout: "piped",
}).spawn();

let text = "";
const decoder = new TextDecoder();
for await (const chunk of child.stdout) {
  for (let done = 0; done < chunk.length;) done += Deno.stdout.writeSync(chunk.subarray(done));
  text = (text + decoder.decode(chunk, { stream: true })).slice(-4000);
}
const { code, signal } = await child.status;

// deno-lint-ignore no-control-regex
const plain = text.replaceAll(/\x1b\[[0-9;]*m/g, "");
const counts = /(\d+) passed(?: \([^)]*\))? \| (\d+) failed(?: \([^)]*\))?(?: \| (\d+) ignored)?/g;
const last = [...plain.matchAll(counts)].at(-1);
if (signal !== null) console.log(`the tests were ended by ${signal}`);
const passed = Number(last?.[1] ?? 0);
const failed = Math.max(Number(last?.[2] ?? 0), code === 0 ? 0 : 1);
console.log(`${passed} passed, ${failed} failed, ${Number(last?.[3] ?? 0)} skipped`);
Deno.exit(code === 0 ? 0 : 1);
