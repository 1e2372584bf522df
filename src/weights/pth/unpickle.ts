/**
 * Reads Python pickles of the kind that torch.save writes. It is a machine with a stack and a memo that makes plain values;
 * what it makes is bounded by the pickle's length, since every value costs at least one byte, sharing copies nothing, and
 * calls copy no more than was made.
 *
 * Source: CPython Lib/pickle.py and Lib/pickletools.py, protocols 2 to 5.
 */

import { callGlobal, dictKey, PickleTrouble, resolveGlobal, resolveStorage } from "./globals.ts";
import { type PickleValue, Tuple } from "./values.ts";

const MARK = Symbol("mark");
type Slot = PickleValue | typeof MARK;

const OP = {
  mark: 0x28,
  stop: 0x2e,
  pop: 0x30,
  popMark: 0x31,
  dup: 0x32,
  binFloat: 0x47,
  binInt: 0x4a,
  binInt1: 0x4b,
  binInt2: 0x4d,
  none: 0x4e,
  binPersistentId: 0x51,
  reduce: 0x52,
  binString: 0x54,
  shortBinString: 0x55,
  binUnicode: 0x58,
  emptyList: 0x5d,
  append: 0x61,
  build: 0x62,
  global: 0x63,
  appends: 0x65,
  binGet: 0x68,
  longBinGet: 0x6a,
  binPut: 0x71,
  longBinPut: 0x72,
  setItem: 0x73,
  tuple: 0x74,
  setItems: 0x75,
  emptyDict: 0x7d,
  emptyTuple: 0x29,
  protocol: 0x80,
  tuple1: 0x85,
  tuple2: 0x86,
  tuple3: 0x87,
  newTrue: 0x88,
  newFalse: 0x89,
  long1: 0x8a,
  shortBinUnicode: 0x8c,
  binUnicode8: 0x8d,
  stackGlobal: 0x93,
  memoize: 0x94,
  frame: 0x95,
} as const;

/** The object that a pickle describes. @throws {PickleTrouble} for whatever is damaged or no part of weights */
export function unpickle(bytes: Uint8Array): PickleValue {
  return new Machine(bytes).run();
}

class Machine {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #stack: Slot[] = [];
  readonly #memo = new Map<number, PickleValue>();
  #at = 0;
  /** Items that calls may still copy: each was made once, by a byte at least. */
  #copies: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#copies = bytes.length;
  }

  run(): PickleValue {
    for (;;) {
      const op = this.#view.getUint8(this.#skip(1));
      if (op === OP.stop) return this.#pop();
      this.#step(op);
    }
  }

  #step(op: number): void {
    switch (op) {
      case OP.protocol:
        return this.#checkProtocol();
      case OP.frame:
        return void this.#skip(8);
      case OP.mark:
        return void this.#stack.push(MARK);
      case OP.pop:
        return this.#drop();
      case OP.popMark:
        return void this.#popToMark();
      case OP.dup:
        return this.#push(this.#top());
      case OP.none:
        return this.#push(null);
      case OP.newTrue:
        return this.#push(true);
      case OP.newFalse:
        return this.#push(false);
      case OP.binInt:
        return this.#push(this.#view.getInt32(this.#skip(4), true));
      case OP.binInt1:
        return this.#push(this.#view.getUint8(this.#skip(1)));
      case OP.binInt2:
        return this.#push(this.#view.getUint16(this.#skip(2), true));
      case OP.long1:
        return this.#push(this.#long());
      case OP.binFloat:
        return this.#push(this.#view.getFloat64(this.#skip(8), false));
      case OP.binUnicode:
      case OP.binString:
        return this.#push(this.#text(this.#view.getUint32(this.#skip(4), true)));
      case OP.shortBinUnicode:
      case OP.shortBinString:
        return this.#push(this.#text(this.#view.getUint8(this.#skip(1))));
      case OP.binUnicode8:
        return this.#push(this.#text(Number(this.#view.getBigUint64(this.#skip(8), true))));
      case OP.binPut:
        return void this.#memo.set(this.#view.getUint8(this.#skip(1)), this.#top());
      case OP.longBinPut:
        return void this.#memo.set(this.#view.getUint32(this.#skip(4), true), this.#top());
      case OP.memoize:
        return void this.#memo.set(this.#memo.size, this.#top());
      case OP.binGet:
        return this.#push(this.#remembered(this.#view.getUint8(this.#skip(1))));
      case OP.longBinGet:
        return this.#push(this.#remembered(this.#view.getUint32(this.#skip(4), true)));
      default:
        return this.#build(op);
    }
  }

  /** The operations that make containers and calls. */
  #build(op: number): void {
    switch (op) {
      case OP.emptyTuple:
        return this.#push(new Tuple([]));
      case OP.tuple:
        return this.#push(new Tuple(this.#popToMark()));
      case OP.tuple1:
      case OP.tuple2:
      case OP.tuple3: {
        const items = Array.from({ length: op - OP.tuple1 + 1 }, () => this.#pop());
        return this.#push(new Tuple(items.reverse()));
      }
      case OP.emptyList:
        return this.#push([]);
      case OP.append:
        return this.#append([this.#pop()]);
      case OP.appends:
        return this.#append(this.#popToMark());
      case OP.emptyDict:
        return this.#push(new Map());
      case OP.setItem: {
        const value = this.#pop();
        return this.#setItems([this.#pop(), value]);
      }
      case OP.setItems:
        return this.#setItems(this.#popToMark());
      case OP.build: // attributes of an OrderedDict, such as a module's _metadata: of no use here
        this.#pop();
        if (!(this.#top() instanceof Map)) throw new PickleTrouble("it sets up an object that is no container");
        return;
      case OP.global:
        return this.#push(resolveGlobal(`${this.#line()}.${this.#line()}`));
      case OP.stackGlobal: {
        const name = this.#pop(), module = this.#pop();
        if (typeof name !== "string" || typeof module !== "string") {
          throw new PickleTrouble("it asks for something without a name");
        }
        return this.#push(resolveGlobal(`${module}.${name}`));
      }
      case OP.reduce:
        return this.#call(this.#pop());
      case OP.binPersistentId:
        return this.#push(resolveStorage(this.#pop()));
      default: {
        const hex = `0x${op.toString(16).padStart(2, "0")}`;
        throw new PickleTrouble(`its pickle has the operation ${hex}, which weights do not need`);
      }
    }
  }

  #call(args: PickleValue): void {
    const [items] = args instanceof Tuple ? args.items : [];
    this.#copies -= Array.isArray(items) ? items.length : 0;
    if (this.#copies < 0) throw new PickleTrouble("it copies its containers without end");
    this.#push(callGlobal(this.#pop(), args));
  }

  /** Moves on by `count` bytes and returns where they begin. */
  #skip(count: number): number {
    const start = this.#at;
    if (!(count <= this.#bytes.length - start)) throw new PickleTrouble("its pickle breaks off");
    this.#at += count;
    return start;
  }

  #checkProtocol(): void {
    const protocol = this.#view.getUint8(this.#skip(1));
    if (protocol > 5) throw new PickleTrouble(`its pickle has protocol ${protocol}, 2 to 5 are read`);
  }

  #text(length: number): string {
    const start = this.#skip(length);
    return new TextDecoder().decode(this.#bytes.subarray(start, start + length));
  }

  /** Text up to the next line break. */
  #line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at);
    if (end < 0) throw new PickleTrouble("its pickle breaks off");
    const text = this.#text(end - this.#at);
    this.#at = end + 1;
    return text;
  }

  /** A little-endian two's complement number of up to 8 bytes. */
  #long(): number {
    const length = this.#view.getUint8(this.#skip(1));
    if (length > 8) throw new PickleTrouble(`its pickle has a number of ${length} bytes`);
    const start = this.#skip(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.#bytes[start + i] ?? 0);
    return Number(BigInt.asIntN(8 * length, value));
  }

  #push(value: PickleValue): void {
    this.#stack.push(value);
  }

  #drop(): void {
    if (this.#stack.pop() === undefined) throw new PickleTrouble("its pickle takes a value that is not there");
  }

  #pop(): PickleValue {
    const value = this.#top();
    this.#stack.pop();
    return value;
  }

  #top(): PickleValue {
    const value = this.#stack.at(-1);
    if (value === undefined || value === MARK) throw new PickleTrouble("its pickle takes a value that is not there");
    return value;
  }

  #popToMark(): PickleValue[] {
    const mark = this.#stack.lastIndexOf(MARK);
    if (mark < 0) throw new PickleTrouble("its pickle ends a list that did not begin");
    const items = this.#stack.splice(mark);
    return items.slice(1) as PickleValue[]; // behind the last mark there are values alone
  }

  #remembered(index: number): PickleValue {
    const value = this.#memo.get(index);
    if (value === undefined) throw new PickleTrouble(`its pickle recalls value ${index}, which it never made`);
    return value;
  }

  #append(items: readonly PickleValue[]): void {
    const list = this.#top();
    if (!Array.isArray(list)) throw new PickleTrouble("its pickle appends to something that is no list");
    for (const item of items) list.push(item);
  }

  #setItems(items: readonly PickleValue[]): void {
    const dict = this.#top();
    if (!(dict instanceof Map) || items.length % 2 !== 0) {
      throw new PickleTrouble("its pickle sets items of something that is no dict");
    }
    for (let i = 0; i < items.length; i += 2) dict.set(dictKey(items[i]), items[i + 1]);
  }
}
