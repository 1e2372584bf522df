/** `wantune doctor`: what works on this machine, what does not, and the cure. */

import type { Command } from "@commander-js/extra-typings";
import type { Check } from "../doctor/checks.ts";
import { oneLine, printLine } from "../output.ts";

/** Adds the command. */
export function register(program: Command): void {
  program.command("doctor")
    .description("Tell what works on this machine, what does not, and the cure. Exits with 2 if something is missing.")
    .option("--libtorch <folder>", "look at the libtorch in this folder")
    .option("--json", "print one JSON object")
    .action(async (options) => {
      const checks = await runChecks(options.libtorch);
      const failed = checks.filter((check) => check.status === "fail");
      if (options.json) printLine(JSON.stringify({ ok: failed.length === 0, checks }));
      else for (const check of checks) for (const line of lines(check)) printLine(line);
      if (failed.length === 0) return;
      const { SetupError } = await import("../../base/mod.ts");
      throw new SetupError(`Not ready: ${failed.map((check) => check.name).join(", ")}.`, {
        cure: failed.map((check) => check.cure).find((cure) => cure !== undefined),
      });
    });
}

async function runChecks(libtorch: string | undefined): Promise<Check[]> {
  const checks = await import("../doctor/checks.ts");
  const found = await checks.checkLibtorch(libtorch === undefined ? {} : { libtorch });
  const shim = await checks.checkShim(found);
  return [
    checks.checkDeno(),
    await checks.checkFfmpeg(),
    found.check,
    shim,
    await checks.checkCompiler(shim.status === "ok"),
    await checks.checkDisk(),
    await checks.checkMemory(),
  ];
}

function lines({ name, status, detail, cure }: Check): string[] {
  const first = `${status.padEnd(5)} ${name.padEnd(9)} ${oneLine(detail)}`;
  return cure === undefined ? [first] : [first, `${" ".repeat(16)}${oneLine(cure)}`];
}
