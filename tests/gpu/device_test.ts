import assert from "node:assert/strict";
import { OutOfMemory } from "../../src/base/mod.ts";
import {
  CopyStream,
  DeviceEvent,
  deviceMemory,
  empty,
  emptyCache,
  Generator,
  noGrad,
  ones,
  randn,
  resetPeakMemory,
  synchronize,
  tidy,
  zeros,
} from "../../src/torch/mod.ts";
import { allFreed, CARD, cardTest } from "../support/gpu.ts";
import { leakFree } from "../support/torch.ts";

const MIB = 2 ** 20;

cardTest("deviceMemory() counts what tensors hold on a card, now and at most, and what the driver has left", () => {
  leakFree(() => {
    emptyCache(CARD);
    resetPeakMemory(CARD);
    const before = deviceMemory(CARD);
    {
      using _large = zeros([64 * MIB / 4], { device: CARD });
      assert.equal(deviceMemory(CARD).allocated - before.allocated, 64 * MIB);
    }
    const { allocated, peak, reserved, free } = deviceMemory(CARD);
    assert.equal(allocated, before.allocated);
    assert.equal(peak - before.allocated, 64 * MIB);
    assert(reserved >= 64 * MIB, `${reserved}`);
    assert(free === undefined || (free > 0 && free < 1024 * 2 ** 30), `${free}`);
  });
});

cardTest("a tensor that a card has no room for is an OutOfMemory, and the card goes on", () => {
  leakFree(() => {
    assert.throws(() => empty([2 ** 41], { device: CARD }), OutOfMemory);
    assert.equal(ones([4], { device: CARD }).sum().item(), 4);
  });
});

cardTest("a card's generator gives a seed's numbers again", () => {
  leakFree(() => {
    const draw = (seed: number): number[] => {
      using generator = Generator.seeded(seed, CARD);
      return randn([1000], { generator, device: CARD }).toNumbers();
    };
    assert.deepEqual(draw(5), draw(5));
    assert.notDeepEqual(draw(5), draw(6));
  });
});

cardTest("a copy beside computing comes after what it waits for, and before who waits for it", () => {
  leakFree(() =>
    allFreed(() =>
      noGrad(() =>
        tidy(() => {
          using stream = new CopyStream(CARD);
          using filled = new DeviceEvent(CARD);
          using used = new DeviceEvent(CARD);
          const matrix = ones([4096, 4096], { device: CARD }).mul(1 / 4096);
          const place = zeros([MIB], { device: CARD });
          const held = Array.from({ length: 8 }, (_, i) => {
            const source = empty([MIB], { pinned: true });
            source.fill_(i + 1);
            return source;
          });
          const results = held.map((source) => {
            used.record();
            stream.run(() => {
              used.wait();
              place.copy_(source, true);
              filled.record();
            });
            filled.wait();
            for (let k = 0; k < 5; k++) matrix.matmul(matrix)[Symbol.dispose](); // the main stream is behind
            return place.mean([]);
          });
          synchronize(CARD);
          assert.deepEqual(results.map((result) => result.item()), [1, 2, 3, 4, 5, 6, 7, 8]);
        })
      )
    )
  );
});
