/**
 * The errors a user can meet. Each message says what was attempted, what is so and what would be right; the exit code
 * belongs to the kind, so that scripts can tell a wrong config from bad data.
 */

/** Exit codes of the command line. */
export const EXIT = { done: 0, ours: 1, usage: 2, data: 3, memory: 4, stopped: 130 } as const;

/** An expected failure: the message is meant for the user and is printed without a stack. */
export abstract class WantuneError extends Error {
  /** What the process exits with when this error ends it. */
  abstract readonly exitCode: number;
  /** What the user can do about it, one sentence. */
  readonly cure: string | undefined;

  constructor(message: string, options: { cure?: string | undefined; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = this.constructor.name;
    this.cure = options.cure;
  }
}

/** A wrong flag, key or value in a command or config. */
export class ConfigError extends WantuneError {
  readonly exitCode: number = EXIT.usage;
}

/** Something the machine lacks: a program, libtorch, a compiler, disk space. */
export class SetupError extends WantuneError {
  readonly exitCode: number = EXIT.usage;
}

/** A clip, picture or caption that cannot be used. */
export class DataError extends WantuneError {
  readonly exitCode: number = EXIT.data;
}

/** A weight file that is damaged, or does not fit the model. */
export class WeightsError extends WantuneError {
  readonly exitCode: number = EXIT.data;
}

/** A run folder that is locked, missing or does not match its config. */
export class RunError extends WantuneError {
  readonly exitCode: number = EXIT.usage;
}

/** The disk or file system refused a write. */
export class DiskError extends WantuneError {
  readonly exitCode: number = EXIT.data;
}

/** A tensor whose shape is not what the code below expects. */
export class ShapeError extends WantuneError {
  readonly exitCode: number = EXIT.ours;
}

/** An error reported by libtorch. */
export class TorchError extends WantuneError {
  readonly exitCode: number = EXIT.ours;
}

/** The device has too little memory for what was asked. */
export class OutOfMemory extends WantuneError {
  readonly exitCode: number = EXIT.memory;
}

/** The user asked to stop; everything was saved. */
export class Stopped extends WantuneError {
  readonly exitCode: number = EXIT.stopped;
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
