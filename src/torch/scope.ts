/**
 * Who frees a tensor. `tidy` frees what a formula made, apart from what it returns; `using` frees what has an owner.
 * A scope may not span an `await`: another task's tensors would fall into it.
 */
import { check } from "./call.ts";
import { native } from "./library.ts";

/** What a scope keeps track of: something with a handle that becomes 0 when it is freed. */
export interface Tracked {
  handle: number;
}

let current: Tracked[] | undefined;

/** Enters a fresh tensor into the innermost scope, if there is one. */
export function track(tensor: Tracked): void {
  if (current !== undefined) current.push(tensor);
}

/** Frees one handle. */
export function free(handle: number): void {
  check(native().symbols.wt_free(handle));
}

/**
 * Runs a formula and frees every tensor made inside, apart from those it returns: these move one scope out. Tensors are
 * found in arrays, maps, sets and plain records, however deep. An exception frees everything.
 * @throws {TypeError} if `formula` returns a promise
 */
export function tidy<T>(formula: () => T): T {
  const outer = current;
  const made: Tracked[] = [];
  current = made;
  let kept: Set<unknown> | undefined;
  try {
    const value = formula();
    if (value instanceof Promise) throw new TypeError("tidy() takes no async function: a scope may not span an await");
    kept = new Set();
    collect(value, kept);
    return value;
  } finally {
    current = outer;
    freeAll(made, (tensor) => {
      if (!kept?.has(tensor)) return false;
      outer?.push(tensor);
      return true;
    });
  }
}

/** Frees tensors, in one call; those that are freed already do not matter. @param spares which of them live on */
export function freeAll(tensors: Iterable<Tracked>, spares: (tensor: Tracked) => boolean = () => false): void {
  const library = native();
  let n = 0;
  for (const tensor of tensors) {
    if (tensor.handle === 0 || spares(tensor)) continue;
    library.words[n++] = tensor.handle;
    tensor.handle = 0;
    if (n === library.words.length) {
      check(library.symbols.wt_free_many(n));
      n = 0;
    }
  }
  if (n > 0) check(library.symbols.wt_free_many(n));
}

/** Runs a function outside of every scope: what it makes belongs to whoever holds it. For owners made inside `tidy`. */
export function unscoped<T>(make: () => T): T {
  const outer = current;
  current = undefined;
  try {
    return make();
  } finally {
    current = outer;
  }
}

function collect(value: unknown, into: Set<unknown>): void {
  if (typeof value !== "object" || value === null || into.has(value) || ArrayBuffer.isView(value)) return;
  into.add(value);
  if ("handle" in value) return;
  if (value instanceof Map) {
    for (const entry of value.values()) collect(entry, into);
  } else if (Array.isArray(value) || value instanceof Set) {
    for (const entry of value) collect(entry, into);
  } else {
    for (const entry of Object.values(value)) collect(entry, into);
  }
}

/** Tensors that live in the native library now. */
export function liveHandles(): number {
  return native().symbols.wt_live();
}
