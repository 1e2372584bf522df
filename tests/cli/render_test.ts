import assert from "node:assert/strict";
import { numbering } from "../../src/events/mod.ts";
import { Renderer } from "../../src/cli/render.ts";
import { EXAMPLES, startEvent, stepEvent } from "../support/events.ts";

/** A renderer whose output is kept and whose clock is turned by hand. */
function setUp(options: { terminal: boolean; json?: boolean; columns?: number; run?: string }): {
  show: (body: Parameters<ReturnType<typeof numbering>>[0], afterSeconds?: number) => void;
  text: () => string;
  renderer: Renderer;
} {
  let text = "";
  let time = 0;
  const record = numbering("20260101-cat");
  const renderer = new Renderer({ ...options, write: (more) => text += more, now: () => time });
  return {
    renderer,
    text: () => text,
    show: (body, afterSeconds = 1) => {
      time += afterSeconds * 1000;
      renderer.read(record(body));
    },
  };
}

Deno.test("with json, every event is one line of JSON and there is nothing else", () => {
  const { show, text, renderer } = setUp({ terminal: true, json: true });
  for (const body of EXAMPLES) show(body);
  renderer.close();
  const lines = text().trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(lines.map((event) => event.type), EXAMPLES.map((body) => body.type));
});

Deno.test("without a terminal there are plain lines, steps at most every ten seconds", () => {
  const { show, text } = setUp({ terminal: false });
  show(startEvent(100));
  for (let step = 1; step <= 25; step++) show(stepEvent(step, 0.5));
  show({ type: "warning", message: "disk is slow.", cure: "Use another." });
  show({ type: "file", path: "b.mp4", status: "rejected", code: "empty_file", reason: "it is empty" });
  show({ type: "run.ended", status: "done", early: "nothing got better", exitCode: 0, seconds: 185 });
  assert.deepEqual(text().split("\n"), [
    "run 20260101-cat on cpu: 100 steps, 8 trained numbers",
    "step 1/100  loss 0.5000  0.25 s/step  25 s left",
    "step 11/100  loss 0.5000  0.25 s/step  22 s left",
    "step 21/100  loss 0.5000  0.25 s/step  20 s left",
    "warning: disk is slow (Use another)",
    "left out: b.mp4: it is empty",
    "ended early: nothing got better",
    "done in 3 min 05 s; 1 files were left out",
    "",
  ]);
  assert.ok(!text().includes("\x1b"));
});

Deno.test("on a terminal one line is written anew, other lines stand above it, and it never wraps", () => {
  const { show, text, renderer } = setUp({ terminal: true, columns: 30 });
  show(startEvent(100));
  show(stepEvent(1));
  show(stepEvent(2), 0.01); // too soon to be seen
  show({ type: "checkpoint", step: 2, path: "c/2", bytes: 2048 });
  show(stepEvent(3));
  renderer.close();
  const clear = "\r\x1b[K";
  assert.equal(
    text(),
    "run 20260101-cat on cpu: 100 steps, 8 trained numbers\n" +
      `${clear}step 1/100  loss 1.0000  0.25` +
      `${clear}checkpoint at step 2: c/2 (2.0 KiB)\nstep 1/100  loss 1.0000  0.25` +
      `${clear}step 3/100  loss 0.8883  0.25\n`,
  );
  for (const line of text().replaceAll(clear, "\n").split("\n").filter((part) => part.startsWith("step"))) {
    assert.ok(line.length < 30);
  }
});

Deno.test("a stage is told when it begins and when it is complete", () => {
  const { show, text } = setUp({ terminal: false });
  for (let done = 0; done <= 5; done++) show({ type: "stage", stage: "probing", done, total: 5, item: `${done}.mp4` });
  for (let done = 0; done <= 3; done++) show({ type: "stage", stage: "encoding", done, total: 3 });
  assert.deepEqual(text().split("\n"), ["probing 0/5  0.mp4", "probing 5/5", "encoding 0/3", "encoding 3/3", ""]);
});

Deno.test("a stopped run says how to go on, and a file name cannot steer the terminal", () => {
  const { show, text } = setUp({ terminal: false });
  show({ type: "file", path: "evil\x1b[2J\n.mp4", status: "rejected", code: "empty_file", reason: "it is empty" });
  show({ type: "run.ended", status: "stopped", exitCode: 130, seconds: 5 });
  assert.deepEqual(text().split("\n"), [
    "left out: evil\\u001b[2J .mp4: it is empty",
    "stopped after 5.0 s; resume with: wantune train --resume 20260101-cat",
    "",
  ]);
});

Deno.test("a run that ended early says how it goes on, by its folder: an id is found in the usual place alone", () => {
  const ended = { type: "run.ended", status: "failed", error: "no", exitCode: 1, seconds: 2 } as const;
  const { show, text } = setUp({ terminal: false, run: "/elsewhere/runs/20260101-cat" });
  show(ended);
  assert.match(text(), /resume with: wantune train --resume \/elsewhere\/runs\/20260101-cat\n/);
});
