/** HTML as text in which nothing from outside is taken for markup. */

/** Text that is markup already. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** A template of markup; values are written as text, unless they are markup themselves. */
export function html(strings: TemplateStringsArray, ...values: readonly (Html | string | number)[]): Html {
  const parts = strings.map((text, at) => {
    const value = values[at];
    return value === undefined ? text : text + (value instanceof Html ? value.text : escaped(String(value)));
  });
  return new Html(parts.join(""));
}

/** Pieces of markup one after the other. */
export function join(pieces: readonly Html[]): Html {
  return new Html(pieces.map(({ text }) => text).join("\n"));
}

/** Text of our own that is markup. */
export function safe(text: string): Html {
  return new Html(text);
}

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? character)
    // controls and what turns the direction of text have no business in a page
    // deno-lint-ignore no-control-regex
    .replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
}
