/** The Python side of the benchmark, where this machine's `python3` has PyTorch: one child process, asked by lines. */
import { z } from "zod";

const AnswerSchema = z.object({
  seconds: z.number(),
  check: z.array(z.number()).optional(),
  cpuSeconds: z.number().optional(),
  peakBytes: z.number().optional(),
});

/** What the child measured: seconds for one repetition, and numbers to compare ours with. */
export type Answer = z.infer<typeof AnswerSchema>;

/** A running `eager.py`. */
export class PythonTorch implements AsyncDisposable {
  /** The version of its PyTorch. */
  readonly version: string;
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: AsyncIterator<string>;

  private constructor(parts: {
    version: string;
    child: Deno.ChildProcess;
    writer: WritableStreamDefaultWriter<Uint8Array>;
    lines: AsyncIterator<string>;
  }) {
    this.version = parts.version;
    this.#child = parts.child;
    this.#writer = parts.writer;
    this.#lines = parts.lines;
  }

  /** Starts it; undefined where there is no `python3` with PyTorch. Its environment is the one at this moment. */
  static async start(options: { threads: number; device: string }): Promise<PythonTorch | undefined> {
    const script = new URL("./eager.py", import.meta.url).pathname;
    let child: Deno.ChildProcess;
    try {
      const command = new Deno.Command("python3", {
        args: [script, String(options.threads), options.device],
        stdin: "piped",
        stdout: "piped",
        stderr: "null",
      });
      child = command.spawn();
    } catch {
      return undefined; // no python3 on the PATH
    }
    const lines = readLines(child.stdout);
    const hello = await lines.next();
    const writer = child.stdin.getWriter();
    if (hello.done) {
      await writer.close().catch(() => {});
      await child.status;
      return undefined;
    }
    const { torch } = z.object({ torch: z.string() }).parse(JSON.parse(hello.value));
    return new PythonTorch({ version: torch, child, writer, lines });
  }

  /** Has it repeat something. */
  async ask(
    request: { what: "op" | "block" | "step"; count: number; shape?: unknown; draws?: unknown },
  ): Promise<Answer> {
    await this.#writer.write(new TextEncoder().encode(JSON.stringify(request) + "\n"));
    const line = await this.#lines.next();
    if (line.done) throw new Error("tests/bench/eager.py ended early");
    return AnswerSchema.parse(JSON.parse(line.value));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close();
    await this.#child.stdout.cancel().catch(() => {});
    await this.#child.status;
  }
}

async function* readLines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined> {
  let rest = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
  return undefined;
}
