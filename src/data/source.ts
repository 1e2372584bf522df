/** The sources of a config with everything that holds for their files. */

import type { DataConfig } from "../config/mod.ts";
import type { CaptionRules } from "./caption.ts";

/** A source of clips: an entry of `data.sources`, its paths absolute. */
export interface Source {
  /** A folder, one clip or still, or a list of captions that brings its files. */
  readonly path: string;
  /** How often each of its clips comes up in an epoch. */
  readonly repeats: number;
  /** Factor of its clips' loss. */
  readonly weight: number;
  readonly captions: CaptionRules;
}

/** The sources, where `data.captions` and `data.triggerWord` hold as far as a source says nothing else. */
export function sourcesOf(config: Pick<DataConfig, "sources" | "captions" | "triggerWord">): Source[] {
  return config.sources.map(({ path, repeats, weight, triggerWord = config.triggerWord, captions = {} }) => {
    const own = captions as Partial<CaptionRules>; // read from JSON: a key that is there has a value
    return { path, repeats, weight, captions: { ...config.captions, ...own, triggerWord } };
  });
}
