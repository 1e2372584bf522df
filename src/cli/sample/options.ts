/** How values of flags are read; what is wrong with one is said beside the flag's name. */
import { InvalidArgumentError } from "@commander-js/extra-typings";

/** Where the blocks of a transformer may be between their turns. */
export const BLOCK_CHOICES = ["auto", "resident", "streamed", "mapped"] as const;
export type BlockChoice = typeof BLOCK_CHOICES[number];

/** A whole number of at least `least`. */
export function whole(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`It is a whole number of at least ${least}.`);
  };
}

/** A number above `above`, or from `from` on. */
export function real(limit: { above: number } | { from: number }): (text: string) => number {
  return (text) => {
    const value = Number(text);
    const fits = "above" in limit ? value > limit.above : value >= limit.from;
    if (text.trim() !== "" && Number.isFinite(value) && fits) return value;
    throw new InvalidArgumentError(
      "above" in limit ? `It is a number above ${limit.above}.` : `It is a number of at least ${limit.from}.`,
    );
  };
}

/** A device's name. */
export function deviceName(text: string): string {
  if (/^(auto|cpu|cuda(:\d+)?)$/.test(text)) return text;
  throw new InvalidArgumentError("Allowed are auto, cpu, cuda and cuda:N.");
}

/** `on` or `off`. */
export function onOff(text: string): boolean {
  if (text === "on" || text === "off") return text === "on";
  throw new InvalidArgumentError("Allowed are on and off.");
}

/** Text with anything in it. */
export function nonEmpty(text: string): string {
  if (text.trim() !== "") return text;
  throw new InvalidArgumentError("It is empty.");
}

/** Collects an option that may be given several times. */
export function gather(value: string, values: readonly string[] = []): string[] {
  return [...values, value];
}
