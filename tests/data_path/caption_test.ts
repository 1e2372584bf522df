import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { random } from "../../src/base/mod.ts";
import { decodeCaption } from "../../src/data/caption.ts";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

Deno.test("decodeCaption() reads UTF-8 and UTF-16, without their marks", () => {
  assert.equal(decodeCaption(encode("\ufeffein Känguru")).text, "ein Känguru");
  const little = Uint8Array.from([0xff, 0xfe, ...Buffer.from("ein Känguru", "utf16le")]);
  assert.equal(decodeCaption(little).text, "ein Känguru");
  const big = Uint8Array.from([0xfe, 0xff, ...Buffer.from("ein Känguru", "utf16le").swap16()]);
  assert.equal(decodeCaption(big).text, "ein Känguru");
});

Deno.test("decodeCaption() joins lines and keeps every other letter", () => {
  assert.equal(decodeCaption(encode("one\r\n  two \n\n three\n")).text, "one two three");
  const odd = "{a|b} 100% %s $HOME <b> (x:1.2) 🏳️‍🌈 שלום";
  assert.deepEqual(decodeCaption(encode(odd)), { text: odd, notes: [] });
});

Deno.test("decodeCaption() refuses what is no text, with a cure", () => {
  const latin1 = Uint8Array.from(Buffer.from("Känguru", "latin1"));
  assert.throws(() => decodeCaption(latin1), /not valid UTF-8/);
  assert.throws(() => decodeCaption(Buffer.from("kangaroo", "utf16le")), /NUL characters/);
  const draw = random(0);
  for (const start of [[], [0xff, 0xfe], [0xef, 0xbb, 0xbf]]) {
    const bytes = Uint8Array.from([...start, ...Array.from({ length: 510 }, () => draw.integer(256))]);
    assert.throws(() => decodeCaption(bytes), /is not valid UTF-/);
  }
  assert.throws(() => decodeCaption(new Uint8Array(2 << 20).fill(65)), /longer than 1 MiB/);
});

Deno.test("decodeCaption() takes control characters out and says so", () => {
  const { text, notes } = decodeCaption(
    encode("a \u001b[31mred\u0007 bird"),
  );
  assert.equal(text, "a [31mred bird");
  assert.match(notes.join(), /control characters/);
});

Deno.test("decodeCaption() remarks on long captions and on JSON", () => {
  assert.match(decodeCaption(encode("a".repeat(20_000))).notes.join(), /20000 characters/);
  assert.match(decodeCaption(encode('{"caption": "x"}')).notes.join(), /JSON/);
});
