/** The prompts of a source's files: where each caption comes from, and what is made of it. */

import { basename } from "node:path";
import { messageOf } from "../base/mod.ts";
import { quoteName } from "../media/mod.ts";
import { type CaptionRules, type CaptionTexts, cleanCaption, decodeCaption, makePrompts } from "./caption.ts";
import { type CountTokens, overlong } from "./caption_length.ts";
import { CaptionProblem } from "./codes.ts";
import type { Layout } from "./layout.ts";
import type { Listed } from "./listed.ts";
import { stem } from "./media_names.ts";

/** Where the captions of a source are. */
export interface CaptionSources {
  readonly layout: Layout;
  readonly listed: Listed;
  readonly rules: CaptionRules;
  readonly countTokens?: CountTokens | undefined;
}

const NONE: CaptionTexts = { texts: [], notes: [] };

/** Finds and reads the captions of one source. */
export class Captions {
  readonly #sources: CaptionSources;
  readonly #used = new Set<string>();

  constructor(sources: CaptionSources) {
    this.#sources = sources;
  }

  /** Whether a text file is a caption of one of the files asked for. */
  isUsed(text: string): boolean {
    return this.#used.has(text);
  }

  /**
   * The prompts that a file is shown with, at least one.
   * @throws {CaptionProblem} if it has no caption, an empty one, or one that cannot be read or is too long
   */
  of(path: string): { prompts: readonly string[]; notes: readonly string[] } {
    const { rules } = this.#sources;
    const { texts, notes } = this.#textsOf(path);
    if (texts.length > 0) return this.#checked(makePrompts(texts, rules), notes);
    const note = rules.triggerWord === undefined
      ? "it has no caption and is shown with an empty one"
      : "it has no caption of its own but the trigger word";
    if (rules.missing === "empty" || rules.triggerWord !== undefined) {
      return { prompts: makePrompts([""], rules), notes: [note] };
    }
    const empty = this.#used.has(this.#sources.layout.textOf(path) ?? "");
    throw empty
      ? new CaptionProblem("empty_caption", "its caption is empty", {
        cure: "write what can be seen into it, or set data.triggerWord",
      })
      : new CaptionProblem("missing_caption", "it has no caption", {
        cure: "write a text file of the same name ending in .txt, or set data.triggerWord",
      });
  }

  #textsOf(path: string): CaptionTexts {
    const { from } = this.#sources.rules;
    if (from === "fileName") return { texts: [fileNameCaption(path)], notes: [] };
    const listed = from === "text" ? NONE : this.#fromList(path);
    if (from === "list") return listed;
    const beside = this.#fromText(path, listed.texts.length > 0);
    if (listed.texts.length === 0) return beside;
    const same = beside.texts.every((text) => listed.texts.includes(text));
    return same
      ? listed
      : { ...listed, notes: [...listed.notes, "its caption is taken from a list, not from its text file"] };
  }

  #fromList(path: string): CaptionTexts {
    const { listed } = this.#sources;
    const entry = listed.of(path);
    if (entry === undefined) return NONE;
    const cleaned = entry.captions.map(cleanCaption);
    const texts = cleaned.map(({ text }) => text.split("\n").filter((line) => line !== "").join(" "));
    const notes = cleaned.flatMap((one) => one.notes);
    const lines = entry.numLines;
    const several = lines > 1 ? [`it is named ${lines} times in lists of captions; all of these are used`] : [];
    return { texts: texts.filter((text) => text !== ""), notes: [...notes, ...several] };
  }

  /** @param spare whether the caption is only compared with: then what cannot be read counts as none */
  #fromText(path: string, spare: boolean): CaptionTexts {
    const { layout, rules } = this.#sources;
    const text = layout.textOf(path);
    if (text === undefined) return NONE;
    this.#used.add(text);
    try {
      const { texts, notes } = decodeCaption(readBytes(text), rules);
      const sharing = layout.numSharing(text);
      const shared = sharing < 2 ? [] : [`${sharing} files share the caption ${quoteName(basename(text))}`];
      return { texts, notes: [...notes, ...shared] };
    } catch (error) {
      if (spare && error instanceof CaptionProblem) return NONE;
      throw error;
    }
  }

  #checked(
    prompts: readonly string[],
    notes: readonly string[],
  ): { prompts: readonly string[]; notes: readonly string[] } {
    const { rules, countTokens } = this.#sources;
    for (const prompt of prompts) {
      const length = overlong(prompt, countTokens);
      if (length === undefined) continue;
      const fact = `its caption has ${length}; the text encoder reads the first 512`;
      if (rules.tooLong === "warn") return { prompts, notes: [...notes, fact] };
      throw new CaptionProblem("caption_too_long", fact, {
        cure: 'shorten it, or set data.captions.tooLong to "warn"',
      });
    }
    return { prompts, notes };
  }
}

function readBytes(path: string): Uint8Array {
  try {
    return Deno.readFileSync(path);
  } catch (cause) {
    const message = `its caption cannot be read: ${messageOf(cause)}`;
    throw new CaptionProblem("caption_unreadable", message, { cure: "make it readable", cause });
  }
}

/** A file's name as a caption: without its ending, with blanks for underscores. */
function fileNameCaption(path: string): string {
  return basename(stem(path)).replaceAll("_", " ").replaceAll(/\s+/g, " ").trim();
}
