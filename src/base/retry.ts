/** Trying again, with pauses that double. */

/** How failures are met. */
export interface RetryOptions {
  /** How often in a row a failure without progress is tried anew. */
  readonly retries?: number | undefined;
  /** Seconds before the first new try; doubled for each next one. */
  readonly pauseSeconds?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A failure that another try may change; the server may say when. */
export class Passing extends Error {
  readonly afterSeconds: number | undefined;

  constructor(message: string, options: { afterSeconds?: number | undefined; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.afterSeconds = options.afterSeconds;
  }
}

/** Nobody waits longer than this because a server says so. */
const LONGEST_WAIT_SECONDS = 300;

/**
 * Runs `attempt` until it succeeds.
 * @param options.isFinal errors that another try would not change: thrown at once
 * @param options.progressed asked after a failure: whether this try got further, so that the count begins anew
 * @throws the last error, when tries are used up, and the signal's reason when it is aborted
 */
export async function retrying<T>(
  attempt: () => Promise<T>,
  options: RetryOptions & { isFinal: (error: unknown) => boolean; progressed?: () => boolean },
): Promise<T> {
  const { retries = 5, pauseSeconds = 1, signal, isFinal, progressed } = options;
  for (let failures = 0;;) {
    signal?.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      if (signal?.aborted || isFinal(error)) throw error;
      failures = progressed?.() ? 1 : failures + 1;
      if (failures > retries) throw error;
      const told = error instanceof Passing ? error.afterSeconds ?? 0 : 0;
      await pause(Math.max(pauseSeconds * 2 ** (failures - 1), Math.min(told, LONGEST_WAIT_SECONDS)), signal);
    }
  }
}

/** Waits. @throws the signal's reason when it is aborted meanwhile */
export function pause(seconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, seconds * 1000);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
