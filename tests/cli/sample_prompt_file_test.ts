import assert from "node:assert/strict";
import { parsePromptLine } from "../../src/cli/sample/prompt_file.ts";

Deno.test("options of a line begin behind ` -- ` or with the first one, and are no part of the prompt", () => {
  for (const line of ["a cat -- --seed 3 --width 64", "a cat --seed 3 --width 64", "a cat  --seed=3  --width 64 "]) {
    assert.deepEqual(parsePromptLine(line), { prompt: "a cat", wishes: { seed: 3, width: 64 } }, line);
  }
  const quoted = parsePromptLine("a cat --negative-prompt 'a dog -- or two' --seed 1");
  assert.deepEqual(quoted, { prompt: "a cat", wishes: { negativePrompt: "a dog -- or two", seed: 1 } });
});

Deno.test("dashes that begin no option stay in the prompt", () => {
  for (const prompt of ["a well-known cat", "a cat - asleep", "a cat—asleep", "1990--1999", "a cat --1 degrees"]) {
    assert.deepEqual(parsePromptLine(prompt), { prompt, wishes: {} });
  }
  assert.equal(parsePromptLine("a cat --").prompt, "a cat");
  assert.equal(parsePromptLine('{"prompt": "a cat --seed 3"}').prompt, "a cat --seed 3");
});

Deno.test("an option that there is not is refused, and so is a line of options alone", () => {
  assert.throws(() => parsePromptLine("a cat --ar 16:9"), /unknown option '--ar'/);
  assert.throws(() => parsePromptLine("a cat --d 42"), /unknown option '--d'/);
  for (const line of ["--seed 3", "-- --seed 3", "--"]) assert.throws(() => parsePromptLine(line), /it has no prompt/);
});
