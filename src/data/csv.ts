/** Tables of text: comma, semicolon or tab between cells, quotes as in RFC 4180. */

/** A row and the line on which it begins. */
export interface CsvRow {
  /** Counted from 1. */
  readonly line: number;
  readonly cells: readonly string[];
  /** A quote that it opens is never closed. */
  readonly open: boolean;
}

/** The separator that the first line uses most. */
export function guessSeparator(text: string): string {
  const end = text.search(/[\r\n]/);
  const first = end < 0 ? text : text.slice(0, end);
  const count = (separator: string): number => first.split(separator).length;
  return [",", "\t", ";"].reduce((best, next) => count(next) > count(best) ? next : best);
}

/** The rows of a table; blank lines are passed over. */
export function* readCsv(text: string, separator: string): Generator<CsvRow> {
  let at = 0;
  let line = 1;
  while (at < text.length) {
    const row = { line, cells: [] as string[], open: false };
    for (let more = true; more;) {
      const cell = readCell(text, { at, separator });
      row.cells.push(cell.value);
      row.open ||= cell.open;
      line += cell.lines;
      at = cell.end;
      more = text[at] === separator;
      if (more) at++;
    }
    if (text[at] === "\r" && text[at + 1] === "\n") at++;
    at++;
    line++;
    if (row.cells.length > 1 || row.cells[0]?.trim() !== "") yield row;
  }
}

/** One cell from `at` on; `end` is where its separator, its line end or the text's end stands. */
function readCell(
  text: string,
  { at, separator }: { at: number; separator: string },
): { value: string; end: number; lines: number; open: boolean } {
  if (text[at] !== '"') {
    let end = at;
    while (end < text.length && text[end] !== separator && text[end] !== "\n" && text[end] !== "\r") end++;
    return { value: text.slice(at, end), end, lines: 0, open: false };
  }
  let value = "";
  let from = at + 1;
  for (;;) {
    const quote = text.indexOf('"', from);
    if (quote < 0) {
      value += text.slice(from);
      return { value, end: text.length, lines: countLines(value), open: true };
    }
    value += text.slice(from, quote);
    if (text[quote + 1] !== '"') {
      const rest = readCell(text, { at: quote + 1, separator }); // what stands after the closing quote belongs to the cell
      return { value: value + rest.value, end: rest.end, lines: countLines(value), open: false };
    }
    value += '"';
    from = quote + 2;
  }
}

function countLines(text: string): number {
  return text.split(/\r\n|[\r\n]/).length - 1;
}
