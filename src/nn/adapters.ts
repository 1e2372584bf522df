/** Hanging adapters on a model's linear layers, by the ends of their names. */
import { ConfigError, WeightsError } from "../base/mod.ts";
import { Generator, type Tensor, unscoped } from "../torch/mod.ts";
import type { Linear } from "./linear.ts";
import { Lora } from "./lora.ts";

/** A LoRA as files hold it: A [rank, in], B [out, rank], applied with alpha / rank. */
export interface LoraMatrices {
  readonly down: Tensor;
  readonly up: Tensor;
  readonly alpha: number;
}

/** The LoRAs on one model, by the path of their layer and in the model's order. Owns the trained matrices. */
export class LoraSet implements Disposable {
  readonly modules: ReadonlyMap<string, Lora>;
  readonly #layers: ReadonlyMap<string, Linear>;

  private constructor(modules: ReadonlyMap<string, Lora>, layers: ReadonlyMap<string, Linear>) {
    this.modules = modules;
    this.#layers = layers;
    for (const [path, lora] of modules) layers.get(path)?.adapters.push(lora);
  }

  /**
   * Fresh adapters on every layer whose path ends with one of the targets. Each layer's start is drawn from a generator
   * of its own, so that it depends on nothing but the seed and the layer's place.
   * @param options.seedOf the seed for the i-th adapted layer
   * @throws {ConfigError} if a target matches no layer
   */
  static fresh(
    linears: readonly Linear[],
    options: { rank: number; alpha: number; targets: readonly string[]; seedOf: (index: number) => bigint },
  ): LoraSet {
    const { rank, alpha, targets, seedOf } = options;
    const ends = (path: string, target: string): boolean => path === target || path.endsWith(`.${target}`);
    const idle = targets.filter((target) => !linears.some(({ path }) => ends(path, target)));
    if (idle.length > 0) {
      const known = [...new Set(linears.map(({ path }) => path.replace(/^blocks\.\d+\./, "")))].join(", ");
      throw new ConfigError(`Cannot train ${idle.join(", ")}: no layer's name ends so.`, {
        cure: `Choose method.targets among the ends of ${known}.`,
      });
    }
    const chosen = linears.filter(({ path }) => targets.some((target) => ends(path, target)));
    const modules = unscoped(() =>
      chosen.map((layer, index): [string, Lora] => {
        using generator = Generator.seeded(seedOf(index));
        return [layer.path, Lora.fresh(layer, { rank, alpha, generator })];
      })
    );
    return new LoraSet(new Map(modules), new Map(chosen.map((layer) => [layer.path, layer])));
  }

  /**
   * Adapters read from a file, copied to each layer's device as float32.
   * @param options.strength factor on top of alpha / rank
   * @throws {WeightsError} naming the modules that the model lacks or whose shapes differ
   */
  static load(
    linears: readonly Linear[],
    options: { modules: ReadonlyMap<string, LoraMatrices>; name: string; strength?: number },
  ): LoraSet {
    const { modules, name, strength = 1 } = options;
    const layers = new Map(linears.map((layer) => [layer.path, layer]));
    const problems: string[] = [];
    for (const [path, { down, up }] of modules) {
      const layer = layers.get(path);
      if (layer === undefined) problems.push(`${path} is not a layer of this model`);
      else if (down.size(1) !== layer.inFeatures || up.size(0) !== layer.outFeatures || down.size(0) !== up.size(1)) {
        problems.push(
          `${path} is A [${down.shape.join(", ")}], B [${
            up.shape.join(", ")
          }] beside W [${layer.outFeatures}, ${layer.inFeatures}]`,
        );
      }
    }
    if (problems.length > 0) {
      throw new WeightsError(`Cannot apply the LoRA ${name}: ${problems.join("; ")}.`, {
        cure: "Use a LoRA that was trained on this model.",
      });
    }
    const loras = unscoped(() =>
      [...modules].map(([path, { down, up, alpha }]): [string, Lora] => {
        const device = layers.get(path)?.weight.device ?? "cpu";
        const own = (x: Tensor): Tensor => x.to({ dtype: "float32", device, copy: true });
        const lora = new Lora({ down: own(down), up: own(up), alpha });
        lora.strength = strength;
        return [path, lora];
      })
    );
    return new LoraSet(new Map(loras), layers);
  }

  /** The trained matrices of the layers whose path begins with `prefix`, in order. */
  params(prefix = ""): Tensor[] {
    return [...this.modules].filter(([path]) => path.startsWith(prefix)).flatMap(([, lora]) => [lora.down, lora.up]);
  }

  /** The trained matrices by name, `blocks.0.attn1.to_q.lora_A.weight`. */
  named(): Map<string, Tensor> {
    return new Map(
      [...this.modules].flatMap(([path, lora]) =>
        [...lora.params].map(([name, param]): [string, Tensor] => [`${path}.${name}`, param])
      ),
    );
  }

  /** Runs something with the adapters switched off. */
  without<T>(run: () => T): T {
    const strengths = [...this.modules.values()].map((lora) => lora.strength);
    for (const lora of this.modules.values()) lora.strength = 0;
    try {
      return run();
    } finally {
      [...this.modules.values()].forEach((lora, i) => lora.strength = strengths[i] as number);
    }
  }

  /** Takes the adapters off their layers and frees them. */
  [Symbol.dispose](): void {
    for (const [path, lora] of this.modules) {
      const adapters = this.#layers.get(path)?.adapters;
      adapters?.splice(adapters.indexOf(lora), 1);
      for (const param of lora.params.values()) param[Symbol.dispose]();
    }
  }
}
