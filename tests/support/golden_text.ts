/** Checks of the golden cases about text: token ids and cleaned prompts, which must match exactly. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { cleanPrompt } from "../../src/wan/prompt_clean.ts";
import { Tokenizer } from "../../src/wan/tokenizer.ts";

interface TokenizerStrings {
  readonly text: string;
  readonly ids: readonly number[];
}

interface PromptStrings {
  readonly raw: string;
  readonly cleaned: string;
}

/**
 * A case of kind "tokenizer": every string's ids, and all of them cut or padded to the width of the given tensor.
 * @param caseDir the folder that holds the case's case.json
 * @throws {assert.AssertionError} at the first difference
 */
export function runTokenizerCase(caseDir: string): void {
  const { tokenizer: folder, files } = readJson<
    { tokenizer: string; files: { strings: { path: string }; padded: { path: string } } }
  >(join(caseDir, "case.json"));
  const tokenizer = Tokenizer.fromFile(join(caseDir, folder));
  const strings = readJson<TokenizerStrings[]>(join(caseDir, files.strings.path));
  const padded = join(caseDir, files.padded.path);
  const inputIds = readInt64Rows(padded, "input_ids");
  const attentionMask = readInt64Rows(padded, "attention_mask");
  for (const [row, { text, ids }] of strings.entries()) {
    assert.deepEqual(tokenizer.encode(text), ids, `ids of ${JSON.stringify(text)}`);
    const want = { inputIds: inputIds[row], attentionMask: attentionMask[row] };
    const got = tokenizer.encodePadded(text, inputIds[row]?.length ?? 0);
    assert.deepEqual(got, want, `padded ids of ${JSON.stringify(text)}`);
  }
  assert.equal(inputIds.length, strings.length, "every row belongs to a string");
}

/**
 * A case of kind "prompt_clean": raw and cleaned prompts.
 * @param caseDir the folder that holds the case's case.json
 * @throws {assert.AssertionError} at the first difference
 */
export function runPromptCleanCase(caseDir: string): void {
  const { files } = readJson<{ files: { strings: { path: string } } }>(join(caseDir, "case.json"));
  const strings = readJson<PromptStrings[]>(join(caseDir, files.strings.path));
  assert.ok(strings.length > 0, "the case has strings");
  for (const { raw, cleaned } of strings) assert.equal(cleanPrompt(raw), cleaned, `cleaned ${JSON.stringify(raw)}`);
}

/** The rows of a two-axis int64 tensor in a safetensors file, read without libtorch. */
export function readInt64Rows(path: string, name: string): number[][] {
  const bytes = new Uint8Array(readFileSync(path));
  const headerBytes = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header: Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }> = JSON.parse(
    new TextDecoder().decode(bytes.subarray(8, 8 + headerBytes)),
  );
  const tensor = header[name];
  assert.ok(tensor?.dtype === "I64" && tensor.shape.length === 2, `${path} has a two-axis int64 tensor ${name}`);
  const [numRows = 0, numColumns = 0] = tensor.shape;
  const data = new DataView(bytes.buffer, 8 + headerBytes + tensor.data_offsets[0]);
  return Array.from({ length: numRows }, (_, row) =>
    Array.from(
      { length: numColumns },
      (_, column) => Number(data.getBigInt64((row * numColumns + column) * 8, true)),
    ));
}

function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, "utf8"));
}
