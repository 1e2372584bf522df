/** How many floating-point operations a second a device can do: what utilisation is measured against. */
import { type Device, type DType, noGrad, ones, synchronize, tidy } from "../torch/mod.ts";
import { installedCards } from "./cards.ts";

/**
 * Published dense bfloat16 peaks, operations a second, by a part of the card's name; the first that fits counts. Data
 * sheets of NVIDIA, figures without sparsity.
 */
const KNOWN: readonly (readonly [name: string, peak: number])[] = [
  ["H200", 989e12],
  ["H100 PCIe", 756e12],
  ["H100", 989e12],
  ["A100", 312e12],
  ["A10", 125e12],
  ["L40S", 362e12],
  ["L4", 121e12],
  ["RTX 5090", 210e12],
  ["RTX 4090", 165e12],
  ["RTX 3090", 71e12],
];

/** Sides of the square matrices that are multiplied, by kind of device, and how often; the fastest counts. */
const TRIAL = { cpu: 768, card: 8192, times: 3 } as const;

/**
 * Operations a second of the matrix products that a model of a type makes: published for the card, or else measured, which takes
 * moments. On the host they are made in float32 whatever the type.
 */
export function peakFlops(device: Device, dtype: DType): number {
  if (device === "cpu") return measuredPeak(device, "float32");
  return (dtype === "bfloat16" ? knownPeak() : undefined) ?? measuredPeak(device, dtype);
}

/** The published peak of the machine's cards, where Linux tells what they are and all are alike. */
function knownPeak(): number | undefined {
  const [model = "", ...others] = new Set(installedCards());
  return others.length > 0 ? undefined : KNOWN.find(([name]) => model.includes(name))?.[1];
}

function measuredPeak(device: Device, dtype: DType): number {
  const side = device === "cpu" ? TRIAL.cpu : TRIAL.card;
  return noGrad(() =>
    tidy(() => {
      const matrix = ones([side, side], { device, dtype });
      let fastest = Infinity;
      for (let i = 0; i <= TRIAL.times; i++) {
        synchronize(device);
        const from = performance.now();
        matrix.matmul(matrix)[Symbol.dispose]();
        synchronize(device);
        if (i > 0) fastest = Math.min(fastest, (performance.now() - from) / 1000); // the first warms up
      }
      return 2 * side ** 3 / fastest;
    })
  );
}
