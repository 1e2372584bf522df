/** Golden cases: reading them, and comparing tensors with what the reference implementation computed. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { z } from "zod";
import { type Tensor, tidy } from "../../src/torch/mod.ts";
import { SafetensorsFile } from "../../src/weights/mod.ts";

const CaseSchema = z.looseObject({
  id: z.string(),
  kind: z.string(),
  title: z.string(),
  checkpoint: z.string().optional(),
  files: z.record(z.string(), z.looseObject({ path: z.string() })),
  compare: z.array(z.looseObject({
    file: z.string(),
    tensor: z.string().optional(),
    atol: z.number(),
    rtol: z.number(),
    rel_l2: z.number(),
    only_rows: z.string().optional(),
  })),
});

/** A case.json; what belongs to one kind of case only is left for its runner to check. */
export type CaseJson = z.infer<typeof CaseSchema>;

/** One golden case. */
export interface GoldenCase {
  readonly dir: string;
  readonly json: CaseJson;
  /** The folder of the checkpoint, where the case has one. */
  readonly checkpoint: string;
  /** A tensor of one of the case's files, in its own type. The caller owns it. */
  tensor(file: string, name: string): Tensor;
  /** Whether a file of the case has a tensor. */
  has(file: string, name: string): boolean;
}

/** Opens the case in a folder. @throws if case.json does not have the shape that the golden README describes */
export function openCase(dir: string): GoldenCase {
  const json = CaseSchema.parse(JSON.parse(readFileSync(join(dir, "case.json"), "utf8")));
  const pathOf = (file: string): string => {
    const path = json.files[file]?.path;
    assert(path !== undefined, `${json.id} has no file "${file}"`);
    return join(dir, path);
  };
  return {
    dir,
    json,
    checkpoint: resolve(dir, "..", "..", json.checkpoint ?? "."),
    tensor(file, name): Tensor {
      using opened = SafetensorsFile.open(pathOf(file));
      return opened.read(name);
    },
    has(file, name): boolean {
      if (json.files[file] === undefined) return false;
      using opened = SafetensorsFile.open(pathOf(file));
      return opened.entries.has(name);
    },
  };
}

/** How far two tensors are apart. */
export interface Distance {
  /** ‖ours − golden‖ / ‖golden‖ */
  readonly relL2: number;
  /** The largest |ours − golden| / (atol + rtol·|golden|); at most 1 is within the limits. */
  readonly worst: number;
  /** The largest |ours − golden|. */
  readonly maxAbs: number;
}

/** Tensors computed for a case: by file, then by name. */
export type Computed = Readonly<Record<string, Readonly<Record<string, Tensor>>>>;

/**
 * Asserts that every tensor a case wants compared was computed and is close enough: within rel_l2 as a whole, or within
 * atol + rtol·|golden| in every element. Zeros mean exact.
 * @param dir the case's folder
 * @param computed by file and tensor
 * @param rows masks for entries with `only_rows`, by `file/tensor`: a number for each leading row, 0 leaves the row out
 * @returns how far each was apart, by `file/tensor`
 */
export function compareCase(
  dir: string,
  computed: Computed,
  rows: Readonly<Record<string, readonly number[]>> = {},
): Record<string, Distance> {
  const golden = openCase(dir);
  const distances: Record<string, Distance> = {};
  const problems: string[] = [];
  for (const entry of golden.json.compare) {
    const label = `${entry.file}/${entry.tensor}`;
    const ours = entry.tensor === undefined ? undefined : computed[entry.file]?.[entry.tensor];
    if (ours === undefined || entry.tensor === undefined) {
      problems.push(`${label} was not computed`);
      continue;
    }
    if (entry.only_rows !== undefined && rows[label] === undefined) {
      problems.push(`${label} is to be compared only ${entry.only_rows}, no rows were named`);
      continue;
    }
    using wanted = golden.tensor(entry.file, entry.tensor);
    if (ours.shape.join() !== wanted.shape.join()) {
      problems.push(`${label} is [${ours.shape.join(", ")}], golden [${wanted.shape.join(", ")}]`);
      continue;
    }
    const distance = distanceOf(ours, wanted, { ...entry, rows: rows[label] });
    distances[label] = distance;
    if (!(distance.relL2 <= entry.rel_l2 || distance.worst <= 1)) {
      problems.push(
        `${label} differs: rel_l2 ${distance.relL2.toExponential(2)} > ${entry.rel_l2}, ` +
          `largest difference ${distance.maxAbs.toExponential(2)} (atol ${entry.atol}, rtol ${entry.rtol})`,
      );
    }
  }
  assert.equal(problems.length, 0, `${basename(dir)}: ${problems.join("; ")}`);
  return distances;
}

/** The distance of two tensors of one shape, over the rows that count. */
export function distanceOf(
  ours: Tensor,
  golden: Tensor,
  options: { atol: number; rtol: number; rows?: readonly number[] | undefined },
): Distance {
  const [a, b] = tidy(() => [ours.detach().toNumbers(), golden.toNumbers()] as const);
  const { atol, rtol, rows } = options;
  const rowSize = rows === undefined ? a.length : a.length / rows.length;
  assert(Number.isInteger(rowSize), `${rows?.length} rows do not divide ${a.length} elements`);
  let [difference, norm, worst, maxAbs] = [0, 0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    if (rows !== undefined && rows[Math.floor(i / rowSize)] === 0) continue;
    const [x, y] = [a[i] as number, b[i] as number];
    const gap = x === y ? 0 : Math.abs(x - y);
    const allowed = atol + rtol * Math.abs(y);
    difference += gap * gap;
    norm += y * y;
    // NaN must come through: Math.max hands it on.
    maxAbs = Math.max(maxAbs, gap);
    worst = Math.max(worst, gap === 0 ? 0 : gap / allowed);
  }
  return { relL2: difference === 0 ? 0 : Math.sqrt(difference / norm), worst, maxAbs };
}
