/** Runs the program as a user would. */

/** What came of it. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const MAIN = new URL("../../main.ts", import.meta.url).pathname;

/** The command that runs the program from source with these arguments. */
export function wantuneCommand(args: readonly string[], options: Deno.CommandOptions = {}): Deno.Command {
  return new Deno.Command(Deno.execPath(), { ...options, args: ["run", "-A", "--no-check", "--quiet", MAIN, ...args] });
}

/** Runs the program to its end. */
export async function wantune(args: readonly string[], options: Deno.CommandOptions = {}): Promise<Outcome> {
  const { code, stdout, stderr } = await wantuneCommand(args, { stdin: "null", ...options }).output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}
