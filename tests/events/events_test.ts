import assert from "node:assert/strict";
import { EventBus, eventSchema, numbering, type RunEvent } from "../../src/events/mod.ts";
import { EXAMPLES } from "../support/events.ts";

Deno.test("every kind of event passes its schema, survives JSON, and has no room for other keys", () => {
  const record = numbering("r");
  for (const body of EXAMPLES) {
    const event = record(body);
    assert.deepEqual(eventSchema.parse(JSON.parse(JSON.stringify(event))), event);
    assert.ok(!eventSchema.safeParse({ ...event, more: 1 }).success, body.type);
    assert.ok(!eventSchema.safeParse({ ...event, seq: 0 }).success, body.type);
  }
  const kinds = new Set(EXAMPLES.map((body) => body.type));
  assert.equal(kinds.size, 13);
});

Deno.test("emit() numbers events and tells every reader in order", () => {
  const bus = new EventBus(numbering("r"));
  const [a, b]: [number[], number[]] = [[], []];
  bus.subscribe((event) => void a.push(event.seq));
  const end = bus.subscribe((event) => void b.push(event.seq));
  bus.emit({ type: "warning", message: "1" });
  bus.emit({ type: "warning", message: "2" });
  end();
  bus.emit({ type: "warning", message: "3" });
  assert.deepEqual([a, b], [[1, 2, 3], [1, 2]]);
});

Deno.test("a reader that throws is dropped by a warning event; the others and the reporter go on", () => {
  const bus = new EventBus(numbering("r"));
  const heard: RunEvent[] = [];
  bus.subscribe(() => {
    throw new Error("broken pipe");
  }, { name: "the page" });
  bus.subscribe((event) => void heard.push(event));
  bus.emit({ type: "outputs", paths: [] });
  bus.emit({ type: "outputs", paths: ["x"] });
  assert.deepEqual(heard.map((event) => [event.seq, event.type]), [[1, "outputs"], [2, "warning"], [3, "outputs"]]);
  const warning = heard[1];
  assert.ok(warning?.type === "warning");
  assert.match(warning.message, /the page failed at event 1 \(outputs\) and hears no more: broken pipe/);
  assert.equal(bus.numReaders, 1);
});

Deno.test("an event reported by a reader comes after the one it answers, for all readers", () => {
  const bus = new EventBus(numbering("r"));
  const heard: number[] = [];
  bus.subscribe((event) => {
    if (event.type === "outputs") bus.emit({ type: "warning", message: "echo" });
  });
  bus.subscribe((event) => void heard.push(event.seq));
  bus.emit({ type: "outputs", paths: [] });
  assert.deepEqual(heard, [1, 2]);
});

Deno.test("what cannot be recorded is told to nobody and thrown at the reporter", () => {
  const heard: RunEvent[] = [];
  const bus = new EventBus(() => {
    throw new RangeError("full");
  });
  bus.subscribe((event) => void heard.push(event));
  assert.throws(() => bus.emit({ type: "outputs", paths: [] }), RangeError);
  assert.deepEqual(heard, []);
});
