/** The pipeline's prompt cleaning: what a person typed to what the tokenizer gets. */
import { fixText } from "./fix_text.ts";
import { unescapeHtml } from "./fix_text_html.ts";
import { PYTHON_SPACE } from "./fix_text_tables.ts";

const SPACE_RUN = new RegExp(`[${PYTHON_SPACE}]+`, "g");

/**
 * Cleans a prompt exactly as the reference pipeline does: repairs it (see {@link fixText}), reads HTML references twice,
 * makes every run of white space one space and removes it at both ends. Case is kept.
 * Source: diffusers pipelines/wan/pipeline_wan.py, prompt_clean, with ftfy installed
 */
export function cleanPrompt(text: string): string {
  // Stripping before the runs are collapsed, as the reference does, changes nothing: one strip at the end does for both.
  const spaced = unescapeHtml(unescapeHtml(fixText(text))).replace(SPACE_RUN, " ");
  return spaced.replace(/^ | $/g, "");
}
