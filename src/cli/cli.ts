/**
 * The program: which commands there are, and how their outcome becomes an exit code. Only the module of the command that
 * is asked for is loaded, so that `--help` answers at once.
 */

import { Command, CommanderError } from "@commander-js/extra-typings";
import { EXIT, VERSION } from "../base/mod.ts";
import { complain, oneLine, reportError, writeText } from "./output.ts";

/** What a command's module gives: it adds the command with its options, and loads the heavy parts when it is run. */
export interface CommandModule {
  register(program: Command): void;
}

/** A command as the overview shows it. */
interface CommandEntry {
  readonly name: string;
  readonly describe: string;
  load(): Promise<CommandModule>;
}

const COMMANDS: readonly CommandEntry[] = [
  {
    name: "demo",
    describe: "fine-tune a tiny built-in model and see what changed: the first minute",
    load: () => import("./commands/demo.ts"),
  },
  {
    name: "setup",
    describe: "fetch libtorch for this machine and make its shim",
    load: () => import("./commands/setup.ts"),
  },
  {
    name: "train",
    describe: "train a run from its config, or go on with one",
    load: () => import("./commands/train.ts"),
  },
  {
    name: "plan",
    describe: "say what a run will take: memory, time, disk, and what becomes of its clips",
    load: () => import("./commands/plan.ts"),
  },
  {
    name: "config",
    describe: "make, check and explain configs",
    load: () => import("./commands/config.ts"),
  },
  {
    name: "data",
    describe: "say what becomes of a config's clips: windows, crops, buckets, and what is rejected and why",
    load: () => import("./commands/data.ts"),
  },
  {
    name: "cache",
    describe: "encode a config's clips and captions ahead of a run; look after what was encoded",
    load: () => import("./commands/cache.ts"),
  },
  {
    name: "sample",
    describe: "make a video from a model, a prompt and LoRAs",
    load: () => import("./commands/sample.ts"),
  },
  {
    name: "model",
    describe: "fetch, make and show models; run a transformer on given tensors",
    load: () => import("./commands/model.ts"),
  },
  {
    name: "inspect",
    describe: "say what a weight file is, what it holds, and whether its numbers can be right",
    load: () => import("./commands/inspect.ts"),
  },
  {
    name: "convert",
    describe: "LoRAs and models into the forms of other programs",
    load: () => import("./commands/convert.ts"),
  },
  {
    name: "merge",
    describe: "work LoRAs into a model's weights",
    load: () => import("./commands/merge.ts"),
  },
  {
    name: "doctor",
    describe: "tell what works here, what does not, and the cure",
    load: () => import("./commands/doctor.ts"),
  },
  {
    name: "bench",
    describe: "time training steps of synthetic models on this machine",
    load: () => import("./commands/bench.ts"),
  },
  {
    name: "runs",
    describe: "list, show, compare, export and remove runs; steer those that run",
    load: () => import("./commands/runs.ts"),
  },
];

/**
 * Runs one command line.
 * @param args the arguments behind the program's name
 * @returns the exit code; everything there is to say has been said
 */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const program = await makeProgram(args.find((arg) => !arg.startsWith("-")));
    if (args.length === 0) {
      program.outputHelp();
      return EXIT.done;
    }
    await program.parseAsync([...args], { from: "user" });
    return EXIT.done;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage; // said already
    return reportError(error);
  }
}

async function makeProgram(wanted: string | undefined): Promise<Command> {
  const program = new Command("wantune")
    .description("Trains WAN 2.2 video models.")
    .version(VERSION, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [command]", "print help on a command")
    .enablePositionalOptions()
    .showSuggestionAfterError(true)
    .configureOutput({
      writeOut: (text) => writeText(Deno.stdout, text),
      writeErr: (text) => complain(text.trimEnd()),
      outputError: (text, write) => write(`wantune: ${oneLine(text.trim().replace(/^error: /, ""))}`),
    })
    .exitOverride();
  const named = wanted === "help" ? undefined : wanted;
  for (const entry of COMMANDS) {
    if (entry.name === named || wanted === "help") (await entry.load()).register(program as Command);
    else program.command(entry.name).description(entry.describe);
  }
  for (const command of program.commands) command.summary(summaryOf(command.name()));
  return program as Command;
}

function summaryOf(name: string): string {
  return COMMANDS.find((entry) => entry.name === name)?.describe ?? "";
}
