// deno-lint-ignore-file no-console
/**
 * Writes src/torch/gen/ops.ts: a typed wrapper for each operator of ops.txt, with the schema that libtorch itself
 * reports as its doc line. Run `deno task generate`; `--check` only compares and exits 1 if the file is out of date.
 */
import { fileURLToPath as fromFileUrl } from "node:url";
import { findLibtorch, shimFor } from "../src/setup/mod.ts";
import { resolveOperator, schemaOf } from "../src/torch/library.ts";
import { libtorchMinor, openTorch } from "../src/torch/open.ts";

const OPS = fromFileUrl(new URL("./ops.txt", import.meta.url));
const TARGET = fromFileUrl(new URL("../src/torch/gen/ops.ts", import.meta.url));

interface Argument {
  name: string;
  type: string;
  optional: boolean;
}

/** How a schema type crosses: the writer in call.ts and the TypeScript type. */
function crossing(type: string): { put: string; ts: string } {
  const plain = type.replace(/\([^)]*\)/g, "");
  const base = plain.replace(/\?$/, "");
  if (base === "Tensor") return { put: "putTensor", ts: "Handle" };
  if (base === "Tensor[]") return { put: "putTensors", ts: "readonly Handle[]" };
  if (base === "Tensor?[]") return { put: "putOptionalTensors", ts: "readonly (Handle | undefined)[]" };
  if (/^(int|SymInt)$/.test(base)) return { put: "putInt", ts: "number" };
  if (/^(ScalarType|Layout|MemoryFormat)$/.test(base)) return { put: "putInt", ts: "number" };
  if (base === "float") return { put: "putFloat", ts: "number" };
  if (base === "Scalar") return { put: "putScalar", ts: "number" };
  if (base === "bool") return { put: "putBool", ts: "boolean" };
  if (base === "str") return { put: "putString", ts: "string" };
  if (base === "Device") return { put: "putDevice", ts: "{ type: number; index: number }" };
  if (base === "Generator") return { put: "putGenerator", ts: "GeneratorHandle" };
  if (/^(int|SymInt)\[\d*\]$/.test(base)) return { put: "putInts", ts: "readonly number[]" };
  if (/^float\[\d*\]$/.test(base)) return { put: "putFloats", ts: "readonly number[]" };
  if (/^bool\[\d*\]$/.test(base)) return { put: "putBools", ts: "readonly boolean[]" };
  if (/^Scalar\[\]$/.test(base)) return { put: "putScalars", ts: "readonly number[]" };
  throw new Error(`no crossing for schema type ${type}`);
}

/** Splits at commas that lie outside of brackets. */
function splitTop(list: string): string[] {
  const parts: string[] = [];
  let depth = 0, start = 0;
  for (let i = 0; i < list.length; i++) {
    const c = list[i];
    if (c === "(" || c === "[") depth++;
    else if (c === ")" || c === "]") depth--;
    else if (c === "," && depth === 0) {
      parts.push(list.slice(start, i).trim());
      start = i + 1;
    }
  }
  const last = list.slice(start).trim();
  return last === "" ? parts : [...parts, last];
}

function parseSchema(schema: string): { name: string; args: Argument[]; returns: string } {
  const open = schema.indexOf("(");
  const arrow = schema.lastIndexOf(") -> ");
  const args = splitTop(schema.slice(open + 1, arrow)).filter((part) => part !== "*").map((part): Argument => {
    const [head = "", ...rest] = part.split("=");
    const space = head.lastIndexOf(" ");
    const type = head.slice(0, space).trim();
    return { name: head.slice(space + 1), type, optional: rest.length > 0 || type.endsWith("?") };
  });
  return { name: schema.slice(0, open), args, returns: schema.slice(arrow + 5) };
}

/** `aten::add_.Tensor` becomes `add_Tensor_`: the in-place mark goes to the end. */
function wrapperName(operator: string): string {
  const [name = "", overload = ""] = operator.replace(/^aten::/, "").split(".");
  const inPlace = name.endsWith("_");
  const parts = [inPlace ? name.slice(0, -1) : name, overload].filter((part) => part !== "");
  return parts.join("_") + (inPlace ? "_" : "");
}

function camel(name: string): string {
  return name.replace(/_+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function wrapper(schema: string, index: number): string {
  const { name, args, returns } = parseSchema(schema);
  // Optional arguments in front of a required one must be written out as `T | undefined`.
  const lastRequired = args.findLastIndex((arg) => !arg.optional);
  const parameters = args.map((arg, i) => {
    const { ts } = crossing(arg.type);
    if (!arg.optional) return `${camel(arg.name)}: ${ts}`;
    return i > lastRequired ? `${camel(arg.name)}?: ${ts}` : `${camel(arg.name)}: ${ts} | undefined`;
  });
  const inPlace = /^aten::[a-z0-9_]*_(\.|$)/.test(name) || returns === "()";
  const plain = returns.replace(/\([a-z!]+\)/g, "");
  const [ts, call] = inPlace
    ? ["void", "callVoid"]
    : plain === "Tensor"
    ? ["Handle", "callOne"]
    : /^(\(Tensor|Tensor\[\])/.test(plain)
    ? ["Handle[]", "callMany"]
    : ["number", "callValue"];
  const lines = args.map((arg, i) => {
    const text = `${crossing(arg.type).put}(at, ${camel(arg.name)})`;
    return i === args.length - 1 ? `  ${text};` : `  at = ${text};`;
  });
  if (lines.length > 0) lines[0] = (lines[0] as string).replace("(at, ", "(0, ");
  const declare = args.length > 2 ? "  let at = " : "  const at = ";
  const declared = [lines[0]?.replace("  at = ", declare), ...lines.slice(1)];
  return [
    `/** \`${schema}\` */`,
    `export function ${wrapperName(name)}(${parameters.join(", ")}): ${ts} {`,
    ...declared,
    `  ${ts === "void" ? "" : "return "}${call}(${index}, ${args.length});`,
    "}",
  ].join("\n");
}

async function main(): Promise<void> {
  const names = Deno.readTextFileSync(OPS).split("\n").map((line) => line.trim()).filter((line) =>
    line !== "" && !line.startsWith("#")
  );
  const twice = names.filter((name, i) => names.indexOf(name) !== i);
  if (twice.length > 0) throw new Error(`ops.txt lists these twice: ${twice.join(", ")}`);
  const found = await findLibtorch();
  const minor = libtorchMinor(found.dir);
  const shim = await shimFor(found.dir, { minor });
  const library = openTorch({ libtorch: found.dir, shim, torchMinor: minor, check: false });
  const schemas = names.map((name) => schemaOf(library, resolveOperator(library, name)));
  const wrappers = schemas.map(wrapper);
  const used = [...new Set(wrappers.join("\n").match(/\b(put|call)[A-Z]\w+(?=\()/g))].sort();
  const source = [
    "// Written by ffi/generate.ts from ffi/ops.txt; edit that list, never this file.",
    "// deno-lint-ignore-file camelcase",
    `import { ${used.join(", ")}, type GeneratorHandle, type Handle } from "../call.ts";`,
    "",
    "/** The schemas these wrappers were made from; an operator's number is its place in this list. */",
    "export const SCHEMAS: readonly string[] = [",
    ...schemas.map((schema) => `  ${JSON.stringify(schema)},`),
    "];",
    "",
    wrappers.join("\n\n"),
    "",
  ].join("\n");
  if (Deno.args.includes("--check")) {
    if (source !== Deno.readTextFileSync(TARGET)) {
      console.error("src/torch/gen/ops.ts is out of date: run `deno task generate`.");
      Deno.exit(1);
    }
    return;
  }
  Deno.writeTextFileSync(TARGET, source);
  console.log(`${schemas.length} operators written to src/torch/gen/ops.ts`);
}

if (import.meta.main) await main();
