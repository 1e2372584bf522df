/** A start of its own process on a folder that `makeItems` made: prints what it took as JSON. */
import { useTorch } from "../support/torch.ts";
import { timeStart } from "./items.ts";

await useTorch();
const [folder = "", looks] = Deno.args;
const result = await timeStart(folder, { looks: looks === "looks" });
const endedAt = Date.now();
const status = Deno.readTextFileSync("/proc/self/status");
const peakBytes = 1024 * Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]);
/** Hundredths of a second: of this process in user and in kernel mode, then of the children that it has waited for. */
const times = Deno.readTextFileSync("/proc/self/stat").split(") ")[1]?.split(" ").slice(11, 15).map(Number) ?? [];
const cpuSeconds = times.reduce((sum, time) => sum + time, 0) / 100;
// deno-lint-ignore no-console
console.log(JSON.stringify({ ...result, endedAt, peakBytes, cpuSeconds }));
