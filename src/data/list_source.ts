/** The files of one source: those of a folder, a single file, or the files that a list of captions brings. */

import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { DataError, errorCode, messageOf } from "../base/mod.ts";
import { quoteName } from "../media/mod.ts";
import { type CaptionList, isListName, LIST_ENDINGS, NAMES_BESIDE, readCaptionList } from "./caption_list.ts";
import { CaptionProblem, type RejectedFile } from "./codes.ts";
import { foreignNames } from "./foreign_names.ts";
import type { Grounds } from "./grounds.ts";
import { COMPANION_ENDINGS, MEDIA_FOLDERS, TEXT_FOLDERS, textCandidates } from "./layout.ts";
import { Listed } from "./listed.ts";
import { ending, isMediaName, stem } from "./media_names.ts";
import type { Source } from "./source.ts";
import { listTree, NOT_A_FILE, type TreeFile } from "./tree.ts";

/** What belongs to a source. */
export interface SourceFiles {
  readonly files: readonly TreeFile[];
  /** Texts of twin folders, which lie beside the source. */
  readonly texts: readonly TreeFile[];
  /** The lists of captions that were read, by their paths. */
  readonly lists: ReadonlySet<string>;
  readonly listed: Listed;
  readonly problems: readonly RejectedFile[];
  /** What all this rests on. */
  readonly grounds: Grounds;
}

/** Lists a source. @throws {DataError} if it does not exist */
export function listSource({ path, captions }: Source): SourceFiles {
  const info = statSource(path);
  const wantsLists = captions.from === "auto" || captions.from === "list";
  const given = captions.list === undefined ? [] : [captions.list];
  if (info.isFile && !isMediaName(path) && (LIST_ENDINGS.has(ending(path)) || ending(path) === ".txt")) {
    const { lists, problems } = readLists([path, ...given], captions);
    const listed = new Listed(lists, { media: undefined, root: dirname(path) });
    const files = listed.paths.map(asFile);
    const texts = listed.paths.filter((file) => listed.of(file)?.captions.length === 0).flatMap(textCandidates);
    const grounds = groundsOf([path, ...given], listed, { others: texts });
    return { files, texts: texts.filter(existsSync).map(asFile), lists: new Set([path]), listed, problems, grounds };
  }
  const own = info.isFile ? asFile(path) : { path, problem: NOT_A_FILE };
  const tree = info.isDirectory ? listTree(path) : { files: [own], problems: [], links: [], followed: [] };
  const media = tree.files.map((file) => file.path).filter(isMediaName);
  const found = given.length > 0 || !wantsLists ? given : listsAmong(tree.files, media);
  const { lists, problems } = readLists(wantsLists ? found : [], captions);
  const twins = info.isDirectory ? twinFolders(path) : [];
  const beside = info.isDirectory ? [] : alone(path);
  const twinTrees = twins.filter(existsSync).map(listTree);
  const texts = twinTrees.flatMap(({ files }) => files).filter((file) => ending(file.path) === ".txt");
  const listed = new Listed(lists, { media, root: info.isDirectory ? path : dirname(path) });
  const trees = info.isDirectory ? [path, ...twins, ...[tree, ...twinTrees].flatMap(({ followed }) => followed)] : [];
  const links = [tree, ...twinTrees].flatMap((one) => one.links);
  return {
    files: tree.files,
    texts: [...texts, ...beside.filter(existsSync).map(asFile)],
    lists: new Set(lists.map((list) => list.path)),
    listed,
    problems: [...tree.problems, ...(info.isDirectory ? foreignNames(path) : []), ...problems],
    grounds: groundsOf(found, listed, { trees, others: [path, ...twins, ...beside, ...links] }),
  };
}

/** What a source rests on: lists, what was looked for on account of them, folders, and other paths. */
function groundsOf(
  lists: readonly string[],
  listed: Listed,
  { trees = [], others }: { trees?: readonly string[]; others: readonly string[] },
): Grounds {
  const looked = new Map(listed.looked);
  const names = lists.map((list) => join(dirname(list), NAMES_BESIDE));
  for (const path of [...lists, ...names, ...others]) looked.set(path, existsSync(path));
  const these = (there: boolean): string[] => [...looked].flatMap(([path, was]) => was === there ? [path] : []);
  return { trees, found: these(true), absent: these(false) };
}

function statSource(path: string): Deno.FileInfo {
  try {
    return Deno.statSync(path);
  } catch (error) {
    const missing = errorCode(error) === "ENOENT";
    throw new DataError(
      `Cannot read the data source ${quoteName(path)}: ${missing ? "it does not exist" : messageOf(error)}`,
      { cure: "check data.sources and validation.sources in the config", cause: error },
    );
  }
}

/** Files that are lists by their names; `captions.txt` is none where it lies beside `captions.mp4`. */
function listsAmong(files: readonly TreeFile[], media: readonly string[]): string[] {
  const named = files.filter(({ path, problem }) => problem === undefined && isListName(path)).map(({ path }) => path);
  if (named.length === 0) return [];
  const stems = new Set(media.map(stem));
  return named.filter((path) => ending(path) !== ".txt" || !stems.has(stem(path)));
}

function readLists(
  paths: readonly string[],
  { encoding }: { encoding: string },
): { lists: CaptionList[]; problems: RejectedFile[] } {
  const lists: CaptionList[] = [];
  const problems: RejectedFile[] = [];
  for (const path of paths) {
    try {
      lists.push(readCaptionList(path, { encoding }));
    } catch (error) {
      if (!(error instanceof CaptionProblem)) throw error;
      problems.push({ path, code: error.code, reason: error.message, cure: error.cure });
    }
  }
  return { lists, problems };
}

/** Where the texts of a folder `videos` that is a source by itself may be. */
function twinFolders(folder: string): string[] {
  if (!MEDIA_FOLDERS.has(basename(folder).toLowerCase())) return [];
  return [...TEXT_FOLDERS].map((name) => join(dirname(folder), name));
}

/** What may belong to a single file. */
function alone(path: string): string[] {
  return [...textCandidates(path), ...COMPANION_ENDINGS.map((own) => `${stem(path)}${own}`)];
}

function asFile(path: string): TreeFile {
  return { path };
}
