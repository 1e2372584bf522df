import assert from "node:assert/strict";
import fc from "fast-check";
import { frameTimes, PacketList, packRuns, type TimelineFacts, unpackRuns } from "../../src/media/timeline.ts";

const RATE_24 = { num: 24, den: 1 };

/** The time line of packets, one `pts,duration,flags` a line. */
function timelineOf(lines: readonly string[], facts: TimelineFacts): ReturnType<PacketList["timeline"]> {
  const packets = new PacketList();
  lines.forEach((line) => packets.add(line));
  return packets.timeline(facts);
}

Deno.test("PacketList sorts by time, leaves hidden packets out and counts from the first frame", () => {
  const packets = ["5512,512,K_", "6536,512,__", "6024,512,__", "5000,512,_D", ""];
  const timeline = timelineOf(packets, { rate: RATE_24, statedRate: RATE_24, tick: 1 / 12288 });
  assert.ok(timeline !== undefined);
  assert.deepEqual(frameTimes(timeline), [0, 512 / 12288, 1024 / 12288]);
  assert.deepEqual([timeline.numFrames, timeline.end], [3, 1536 / 12288]);
  assert.deepEqual(timeline.ticks, { first: 5512, steps: [[2, 512]] });
  assert.deepEqual(unpackRuns(timeline.keys), [0]);
});

Deno.test("PacketList spaces frames by the average rate where times are missing", () => {
  const facts = { rate: RATE_24, statedRate: RATE_24, tick: 0.001 };
  const timeline = timelineOf(["N/A,41,K_", "0,41,__"], facts);
  assert.ok(timeline !== undefined);
  assert.deepEqual(frameTimes(timeline), [0, 1 / 24]);
  assert.equal(timeline.end, 2 / 24);
  assert.equal(timelineOf([], facts), undefined);
});

Deno.test("packRuns() keeps any ascending numbers, and an hour at a steady rate in one step", () => {
  fc.assert(fc.property(fc.integer(), fc.array(fc.nat(3), { maxLength: 40 }), (first, gaps) => {
    const values = gaps.reduce<number[]>((list, gap) => [...list, (list.at(-1) ?? 0) + gap], [first]);
    assert.deepEqual(unpackRuns(packRuns(values)), values);
  }));
  assert.deepEqual(packRuns(Array.from({ length: 90_000 }, (_, k) => 7 + 512 * k)), {
    first: 7,
    steps: [[89_999, 512]],
  });
});
