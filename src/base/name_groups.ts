/**
 * Many names in few words: names that differ in their numbers alone become one, `blocks.{0..39}.norm2.weight`. Numbers stand
 * between dots or underscores.
 */

/** A name, and what is to be said about it behind it. */
export interface NotedName {
  readonly name: string;
  /** Such as ` [5120, 5120]`; only names with equal notes are joined. */
  readonly note?: string | undefined;
}

/** How names are listed. */
export interface ListOptions {
  /** What is counted, in the plural: `tensors`. */
  readonly unit?: string;
  /** Groups written out; the rest is counted. */
  readonly limit?: number;
}

interface Row {
  /** For each number in the name, the values it takes. */
  readonly sets: readonly (readonly number[])[];
}

/**
 * Names as one line: `blocks.{0..39}.attn1.to_q.weight [5120, 5120] (40 tensors), proj_out.bias [64], and 3 more`.
 * Each group is the product of its ranges, so that nothing is listed that was not there.
 */
export function listNames(names: Iterable<string | NotedName>, options: ListOptions = {}): string {
  const { unit = "tensors", limit = 8 } = options;
  const groups = groupNames(names);
  const shown = groups.slice(0, limit).map(({ text, count }) => count === 1 ? text : `${text} (${count} ${unit})`);
  const left = groups.slice(limit).reduce((sum, { count }) => sum + count, 0);
  return shown.join(", ") + (left > 0 ? `, and ${left} more` : "");
}

/** The groups, in the order in which their first name came. */
export function groupNames(names: Iterable<string | NotedName>): { text: string; count: number }[] {
  const patterns = new Map<string, { parts: readonly string[]; note: string; rows: Map<string, Row> }>();
  for (const item of names) {
    const { name, note = "" } = typeof item === "string" ? { name: item } : item;
    const parts = name.split(/(?<=^|[._])(\d{1,9})(?=[._]|$)/); // odd places hold the numbers
    const key = JSON.stringify([parts.filter((_, i) => i % 2 === 0), note]);
    const pattern = patterns.get(key) ?? { parts, note, rows: new Map<string, Row>() };
    const numbers = parts.filter((_, i) => i % 2 === 1).map(Number);
    pattern.rows.set(numbers.join(), { sets: numbers.map((number) => [number]) });
    patterns.set(key, pattern);
  }
  return [...patterns.values()].flatMap(({ parts, note, rows }) =>
    collapse([...rows.values()]).map(({ sets }) => ({
      text: parts.map((part, i) => i % 2 === 0 ? part : rangeText(sets[(i - 1) / 2] ?? [])).join("") + note,
      count: sets.reduce((product, set) => product * set.length, 1),
    }))
  );
}

/** Joins rows that differ in one place, place by place. */
function collapse(rows: readonly Row[]): readonly Row[] {
  const places = rows[0]?.sets.length ?? 0;
  let current = rows;
  for (let place = 0; place < places; place++) {
    const joined = new Map<string, Row>();
    for (const { sets } of current) {
      const key = JSON.stringify(sets.toSpliced(place, 1));
      const before = joined.get(key)?.sets[place] ?? [];
      joined.set(key, { sets: sets.with(place, [...before, ...(sets[place] ?? [])]) });
    }
    current = [...joined.values()];
  }
  return current;
}

/** `7`, `{0..39}`, `{0..3,7}`. */
function rangeText(numbers: readonly number[]): string {
  if (numbers.length === 1) return String(numbers[0]);
  const sorted = numbers.toSorted((a, b) => a - b);
  const runs: [number, number][] = [];
  for (const number of sorted) {
    const last = runs.at(-1);
    if (last !== undefined && number === last[1] + 1) last[1] = number;
    else runs.push([number, number]);
  }
  return `{${runs.map(([from, to]) => from === to ? `${from}` : `${from}..${to}`).join(",")}}`;
}
