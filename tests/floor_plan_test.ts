/**
 * Which folder of src/ may import which. The table is the architecture: a new arrow is a decision, made here first.
 * Outsiders go through a folder's mod.ts, in type imports too; insiders import each other's files.
 */

import assert from "node:assert/strict";
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const FLOOR_PLAN: Record<string, readonly string[]> = {
  base: ["deno.json"], // the program's version
  config: ["base"],
  events: ["base"],
  media: ["base"],
  setup: ["base"],
  hub: ["base", "specs"],
  torch: ["base"],
  weights: ["torch", "base", "specs"],
  nn: ["torch", "base"],
  optim: ["nn", "torch", "base"],
  parallel: ["nn", "torch", "base"],
  wan: ["nn", "weights", "torch", "base", "specs"],
  runs: ["config", "events", "base"],
  data: ["media", "torch", "weights", "config", "events", "base"],
  train: [
    ...["data", "wan", "parallel", "optim", "nn", "weights", "torch"],
    ...["runs", "config", "events", "media", "base"],
  ],
  server: ["runs", "config", "events", "base"],
  cli: [
    ...["train", "data", "wan", "parallel", "optim", "nn", "weights", "torch"],
    ...["runs", "server", "config", "events", "media", "setup", "hub", "base", "specs"],
  ],
};

const ROOT = join(import.meta.dirname ?? ".", "..");

interface Arrow {
  readonly from: string;
  readonly to: string;
  /** As written in the file. */
  readonly specifier: string;
}

interface GraphModule {
  readonly specifier: string;
  readonly dependencies?: readonly {
    readonly specifier: string;
    readonly code?: { readonly specifier?: string };
    readonly type?: { readonly specifier?: string };
  }[];
}

/** Every import of src/, type imports included, as paths from the repository's root. */
function arrows(): Arrow[] {
  const files = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".ts")
  );
  const folder = Deno.makeTempDirSync();
  try {
    const entry = join(folder, "all.ts");
    writeFileSync(entry, files.map((name) => `import "${pathToFileURL(join(ROOT, "src", name))}";\n`).join(""));
    const { code, stdout, stderr } = new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", "--config", join(ROOT, "deno.json"), entry],
      cwd: ROOT,
      stdout: "piped",
      stderr: "piped",
    }).outputSync();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as { modules: GraphModule[] };
    return modules.filter(({ specifier }) => specifier.startsWith("file:") && !specifier.endsWith("/all.ts"))
      .flatMap(({ specifier: from, dependencies = [] }) =>
        dependencies.flatMap(({ specifier, code, type }) => {
          const targets = new Set([code?.specifier, type?.specifier].filter((to) => to !== undefined));
          return [...targets].map((to) => ({ from: shortened(from), to: shortened(to), specifier }));
        })
      );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function shortened(specifier: string): string {
  if (!specifier.startsWith("file:")) return specifier;
  const path = fileURLToPath(specifier);
  return path.startsWith(ROOT) ? path.slice(ROOT.length + 1) : path;
}

/** The folder of src/ that a file belongs to, or the top folder for others. */
function folderOf(path: string): string {
  const [top = "", second = ""] = path.split("/");
  return top === "src" ? second : top;
}

const GRAPH = arrows();
const INSIDE = GRAPH.filter(({ from, to }) => from.startsWith("src/") && !/^[a-z]+:/.test(to));

/** Fails with one line for each wrong arrow. */
function none(wrong: readonly string[], rule: string): void {
  assert.equal(wrong.length, 0, `${rule}\n${[...new Set(wrong)].sort().join("\n")}`);
}

Deno.test("every folder of src/ has its place in the floor plan", () => {
  const unknown = new Set(INSIDE.map(({ from }) => folderOf(from)).filter((folder) => !(folder in FLOOR_PLAN)));
  none([...unknown], "not in the table of tests/floor_plan_test.ts:");
});

Deno.test("a folder imports only what the floor plan allows", () => {
  const wrong = INSIDE.filter(({ from, to }) =>
    folderOf(from) !== folderOf(to) && !FLOOR_PLAN[folderOf(from)]?.includes(folderOf(to))
  );
  none(wrong.map(({ from, to }) => `${from} -> ${to}`), "arrows that the floor plan does not have:");
});

Deno.test("outsiders import a folder's mod.ts", () => {
  const wrong = INSIDE.filter(({ from, to }) =>
    folderOf(from) !== folderOf(to) && to.startsWith("src/") && to !== `src/${folderOf(to)}/mod.ts`
  );
  none(wrong.map(({ from, to }) => `${from} -> ${to}`), "imports past a folder's mod.ts:");
});

Deno.test("the floor plan itself has no circle", () => {
  const reaches = (from: string, seen: ReadonlySet<string>): boolean =>
    (FLOOR_PLAN[from] ?? []).some((to) => seen.has(to) || reaches(to, new Set([...seen, to])));
  none(Object.keys(FLOOR_PLAN).filter((folder) => reaches(folder, new Set([folder]))), "in a circle:");
});

Deno.test("no circle of imports leaves its folder", () => {
  const next = Map.groupBy(INSIDE, ({ from }) => from);
  const reachable = (start: string): Set<string> => {
    const seen = new Set<string>();
    const open = [start];
    for (let file = open.pop(); file !== undefined; file = open.pop()) {
      for (const { to } of next.get(file) ?? []) {
        if (!seen.has(to)) open.push(to);
        seen.add(to);
      }
    }
    return seen;
  };
  const reach = new Map([...next.keys()].map((file) => [file, reachable(file)]));
  const wrong = INSIDE.filter(({ from, to }) => folderOf(from) !== folderOf(to) && reach.get(to)?.has(from));
  none(wrong.map(({ from, to }) => `${from} -> ${to}`), "imports on a circle:");
});

Deno.test("third parties come through deno.json", () => {
  const wrong = GRAPH.filter(({ from, specifier }) => from.startsWith("src/") && /^(npm|jsr|https?):/.test(specifier));
  none(wrong.map(({ from, specifier }) => `${from} -> ${specifier}`), "specifiers that bypass deno.json:");
});
