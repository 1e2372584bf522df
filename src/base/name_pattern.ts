/** Patterns for dotted names: which layers or parameters of a model are meant. */

const NUMBERS = /\\\{(\d+)\\\.\\\.(\d+)\\\}/g;

/**
 * A pattern made ready. It fits a name that it is the whole of, or the end of in whole words: `to_q` and `attn1.to_q` fit
 * `blocks.3.attn1.to_q`. In it, `*` stands for any characters and `{4..9}` for a whole number in that range.
 * @returns whether a name fits
 */
export function namePattern(pattern: string): (name: string) => boolean {
  const text = pattern.replaceAll(/[\\^$.+?()[\]{}|]/g, "\\$&").replaceAll("*", ".*").replaceAll(NUMBERS, "(\\d+)");
  const ranges = [...pattern.matchAll(/\{(\d+)\.\.(\d+)\}/g)].map(([, low, high]) =>
    [Number(low), Number(high)] as const
  );
  const whole = new RegExp(`^(?:.*\\.)?${text}$`);
  return (name) => {
    const found = whole.exec(name);
    return found !== null && ranges.every(([low, high], i) => {
      const number = Number(found[i + 1]);
      return number >= low && number <= high;
    });
  };
}
