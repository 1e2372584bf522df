/**
 * Looks over a JSON text before it is parsed. `JSON.parse` keeps the last of two equal keys without a word and builds
 * whatever it is told to build; this scan finds equal keys and bounds what parsing may create.
 */

/** What a text may hold at most. */
export interface JsonLimits {
  /** Objects and arrays inside each other. */
  readonly depth: number;
  /** Keys of one object. */
  readonly keys: number;
  /** Elements of one array. */
  readonly elements: number;
}

interface Level {
  /** The keys met so far; undefined in an array. */
  readonly keys: Set<string> | undefined;
  commas: number;
  wantsKey: boolean;
}

const QUOTE = 0x22, BACKSLASH = 0x5c, COMMA = 0x2c, COLON = 0x3a;
const OPEN_OBJECT = 0x7b, CLOSE_OBJECT = 0x7d, OPEN_ARRAY = 0x5b, CLOSE_ARRAY = 0x5d;

/**
 * The first thing wrong with `text`, as the end of a sentence, or undefined. A text that is not JSON at all may pass: the
 * parser will say so.
 */
export function scanJson(text: string, limits: JsonLimits): string | undefined {
  const levels: Level[] = [];
  let top: Level | undefined;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case QUOTE: {
        const end = closingQuote(text, i);
        if (end < 0) return undefined;
        if (top?.wantsKey) {
          const trouble = addKey(top, text.slice(i, end + 1), limits);
          if (trouble !== undefined) return trouble;
        }
        i = end;
        break;
      }
      case OPEN_OBJECT:
      case OPEN_ARRAY: {
        const isObject = text.charCodeAt(i) === OPEN_OBJECT;
        if (levels.length === limits.depth) return `it nests deeper than ${limits.depth} levels`;
        top = { keys: isObject ? new Set() : undefined, commas: 0, wantsKey: isObject };
        levels.push(top);
        break;
      }
      case CLOSE_OBJECT:
      case CLOSE_ARRAY:
        levels.pop();
        top = levels.at(-1);
        break;
      case COLON:
        if (top !== undefined) top.wantsKey = false;
        break;
      case COMMA:
        if (top === undefined) break;
        top.wantsKey = top.keys !== undefined;
        if (++top.commas >= limits.elements && top.keys === undefined) {
          return `it has a list of more than ${limits.elements} elements`;
        }
        break;
    }
  }
  return undefined;
}

/** Where the string that opens at `start` ends, or -1. */
function closingQuote(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === BACKSLASH) i++;
    else if (code === QUOTE) return i;
  }
  return -1;
}

function addKey(level: Level, quoted: string, limits: JsonLimits): string | undefined {
  const key = quoted.includes("\\") ? unescaped(quoted) : quoted.slice(1, -1);
  if (level.keys?.has(key)) return `the key ${JSON.stringify(key)} appears twice`;
  level.keys?.add(key);
  level.wantsKey = false;
  return (level.keys?.size ?? 0) > limits.keys ? `it has more than ${limits.keys} keys` : undefined;
}

/** The key behind its escapes; the quoted text itself where it is not JSON (the parser will complain). */
function unescaped(quoted: string): string {
  try {
    return String(JSON.parse(quoted));
  } catch {
    return quoted;
  }
}
