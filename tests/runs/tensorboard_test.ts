import assert from "node:assert/strict";
import { join } from "node:path";
import { EventBus, numbering } from "../../src/events/mod.ts";
import { TensorBoardLog } from "../../src/runs/mod.ts";
import { crc32c, eventRecord } from "../../src/runs/tfevents.ts";
import { startEvent, stepEvent } from "../support/events.ts";
import { withFolder } from "../support/tmp.ts";

const hex = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");

Deno.test("crc32c() has the values of RFC 3720, appendix B.4", () => {
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e);
});

Deno.test("eventRecord() writes the bytes of TensorBoard's own writer", () => {
  // tensorboard 2.21: RecordWriter.write(Event(wall_time=1.5, step=300, summary=Summary(value=[Summary.Value(
  // tag="train/loss", simple_value=0.25)])).SerializeToString())
  assert.equal(
    hex(eventRecord({ kind: "version" }, 0.5)),
    "18 00 00 00 00 00 00 00 a3 7f 4b 22 09 00 00 00 00 00 00 e0 3f 1a 0d 62 72 61 69 6e 2e 45 76 65 6e 74 3a 32 66 f7 e1 a8",
  );
  const scalars = [{ tag: "train/loss", value: 0.25 }];
  assert.equal(
    hex(eventRecord({ kind: "scalars", step: 300, scalars }, 1.5)),
    "21 00 00 00 00 00 00 00 01 7b ec f6 09 00 00 00 00 00 00 f8 3f 10 ac 02 2a 13 0a 11 0a 0a 74 72 61 69 6e 2f 6c 6f 73 73 15 00 00 80 3e 65 57 98 1f",
  );
  assert.equal(
    hex(eventRecord({ kind: "start", step: 7 }, 1.5)),
    "0f 00 00 00 00 00 00 00 6d 53 2b 09 09 00 00 00 00 00 00 f8 3f 10 07 3a 02 08 01 77 47 71 c7",
  );
});

Deno.test("TensorBoardLog writes one file a process, with every step after the sign that it begins", () =>
  withFolder((folder) => {
    using log = new TensorBoardLog(folder);
    const bus = new EventBus(numbering("r"));
    bus.subscribe(log.read);
    bus.emit(startEvent(10, 4));
    bus.emit(stepEvent(5));
    bus.emit({ type: "warning", message: "not a number" });
    bus.emit(stepEvent(6));
    bus.emit({ type: "sample", step: 6, path: "6.mp4", prompt: "p", seed: 0, seconds: 2 });
    bus.emit({ type: "sample", step: 6, path: "7.mp4", prompt: "p", seed: 0 });
    assert.equal(bus.numReaders, 1, "nothing was thrown");
    const [file, ...others] = [...Deno.readDirSync(folder)].map(({ name }) => name);
    assert.deepEqual(others, []);
    assert.match(file ?? "", /^events\.out\.tfevents\.\d{10}\./);
    const bytes = Deno.readFileSync(join(folder, file ?? ""));
    let count = 0;
    for (let at = 0; at < bytes.length; count++) {
      at += 16 + Number(new DataView(bytes.buffer).getBigUint64(at, true));
    }
    assert.equal(count, 5, "version, start, two steps, a sample whose time is known");
    assert.match(new TextDecoder().decode(bytes), /train\/loss.*sample\/seconds/s);
  }));
