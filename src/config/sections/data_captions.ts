/** Captions: where they are found and what is made of them. */

import { z } from "zod";
import { field, section } from "./field.ts";

const shuffles = z.int().min(0).max(64);
const text = z.string().max(2000);

/** What `data.captions` and the captions of one source share, without defaults. */
const rules = {
  from: field(z.enum(["auto", "text", "list", "fileName"]), {
    title: "Captions from",
    description: "Where captions are: text files of the same name (beside, or in a twin folder captions/), a list " +
      "(captions.jsonl, .json, .csv or .txt), or the file's name; auto: a list where it names the file, else a text file.",
  }),
  list: field(z.string().min(1), {
    title: "List",
    description: "A list of captions for the files of the sources; absent means the lists that lie in them.",
  }),
  encoding: field(
    z.string().min(1).max(40).refine(isEncoding, { message: "an encoding such as utf-8 or windows-1252" }),
    {
      title: "Encoding",
      description: "Encoding of captions; auto reads UTF-8 and UTF-16, and Windows-1252 where that is certain.",
      allowed: "auto, or an encoding such as utf-8, windows-1252 or gbk",
    },
  ),
  lines: field(z.enum(["join", "choose"]), {
    title: "Lines",
    description: "Whether the lines of a text file are one caption, or several of which each time one is shown.",
  }),
  prefix: field(text, { title: "Prefix", description: "Text put in front of every caption, as it is." }),
  suffix: field(text, { title: "Suffix", description: "Text put behind every caption, as it is." }),
  shuffles: field(shuffles, {
    title: "Tag orders",
    description: "In how many other orders of its tags each caption is also shown; each is encoded once.",
  }),
  keepTags: field(z.int().min(0).max(1000), {
    title: "Kept tags",
    description: "Tags at the front of a caption which keep their place when the others are shuffled.",
  }),
  separator: field(z.string().min(1).max(8), { title: "Separator", description: "What stands between tags." }),
  missing: field(z.enum(["reject", "empty"]), {
    title: "Missing captions",
    description: "Whether a file without caption and without trigger word is left out or shown with an empty one.",
  }),
  tooLong: field(z.enum(["warn", "reject"]), {
    title: "Long captions",
    description: "What becomes of a caption of more than the 512 tokens that the text encoder reads.",
  }),
};

/** Schema of `data.captions`. */
export const dataCaptionsSchema = section({
  from: rules.from.default("auto"),
  list: rules.list.optional(),
  encoding: rules.encoding.default("auto"),
  lines: rules.lines.default("join"),
  prefix: rules.prefix.default(""),
  suffix: rules.suffix.default(""),
  shuffles: rules.shuffles.default(0),
  keepTags: rules.keepTags.default(1),
  separator: rules.separator.default(","),
  missing: rules.missing.default("reject"),
  tooLong: rules.tooLong.default("warn"),
}, { title: "Captions", description: "Where captions are found and what is made of them." });

/** Schema of the captions of one source: what it says goes before `data.captions`. */
export const sourceCaptionsSchema = section({
  from: rules.from.optional(),
  list: rules.list.optional(),
  encoding: rules.encoding.optional(),
  lines: rules.lines.optional(),
  prefix: rules.prefix.optional(),
  suffix: rules.suffix.optional(),
  shuffles: rules.shuffles.optional(),
  keepTags: rules.keepTags.optional(),
  separator: rules.separator.optional(),
  missing: rules.missing.optional(),
  tooLong: rules.tooLong.optional(),
}, { title: "Captions", description: "Caption settings of this source, where they differ from data.captions." });

function isEncoding(label: string): boolean {
  if (label === "auto") return true;
  try {
    return new TextDecoder(label).encoding !== "";
  } catch {
    return false;
  }
}
