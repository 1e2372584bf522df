import assert from "node:assert/strict";
import { join } from "node:path";
import { installedCards } from "../../src/train/cards.ts";
import { withFolder } from "../support/tmp.ts";

Deno.test("installedCards() reads what the driver says of each card, and finds none where there is no driver", () =>
  withFolder((folder) => {
    assert.deepEqual(installedCards(join(folder, "none")), []);
    const place = join(folder, "0000:17:00.0");
    Deno.mkdirSync(place);
    // As the driver 535 writes it
    Deno.writeTextFileSync(join(place, "information"), "Model: \t\t NVIDIA H100 80GB HBM3\nIRQ:   \t\t 120\n");
    assert.deepEqual(installedCards(folder), ["NVIDIA H100 80GB HBM3"]);
  }));
