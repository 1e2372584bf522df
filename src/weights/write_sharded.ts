/** Writes a checkpoint as the Hugging Face libraries do: one file, or shards with an index. */

import { join } from "node:path";
import { writeAtomically } from "../base/mod.ts";
import { bytesOf, type PlannedTensor, writeSafetensors } from "./write.ts";

/** Bytes of tensors in one shard, unless a single tensor is larger; what diffusers' published WAN models use at most. */
export const SHARD_BYTES = 5_000_000_000;

/** How a checkpoint is written. */
export interface ShardOptions {
  /** File name without its ending: `diffusion_pytorch_model`, or `model` for text encoders. */
  readonly stem: string;
  readonly maxShardBytes?: number | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Called after each tensor with its bytes. */
  readonly onWritten?: ((bytes: number) => void) | undefined;
}

/**
 * Writes tensors in their order, a new shard begun where the next one would not fit; one shard is one plain file. The index
 * comes last, so that a checkpoint with an index is whole.
 * @param folder must exist
 * @returns the names of the files written
 * @throws {DiskError} if the disk refuses
 */
export function writeSharded(folder: string, tensors: readonly PlannedTensor[], options: ShardOptions): string[] {
  const { stem, maxShardBytes = SHARD_BYTES, metadata, onWritten } = options;
  const shards = splitShards(tensors, maxShardBytes);
  const write = (name: string, shard: readonly PlannedTensor[]): void =>
    writeSafetensors(join(folder, name), shard, {
      metadata: { format: "pt", ...metadata },
      ...(onWritten === undefined ? {} : { onWritten }),
    });
  const [first = []] = shards;
  if (shards.length <= 1) {
    write(`${stem}.safetensors`, first);
    return [`${stem}.safetensors`];
  }
  const five = (number: number): string => String(number).padStart(5, "0");
  const weightMap: [string, string][] = [];
  const names = shards.map((shard, i) => {
    const name = `${stem}-${five(i + 1)}-of-${five(shards.length)}.safetensors`;
    write(name, shard);
    weightMap.push(...shard.map((tensor): [string, string] => [tensor.name, name]));
    return name;
  });
  const total = tensors.reduce((sum, tensor) => sum + bytesOf(tensor), 0);
  const index = { metadata: { total_size: total }, weight_map: Object.fromEntries(weightMap) };
  const indexName = `${stem}.safetensors.index.json`;
  writeAtomically(join(folder, indexName), `${JSON.stringify(index, null, 2)}\n`);
  return [...names, indexName];
}

function splitShards(tensors: readonly PlannedTensor[], maxShardBytes: number): PlannedTensor[][] {
  const shards: PlannedTensor[][] = [];
  let room = 0;
  for (const tensor of tensors) {
    const bytes = bytesOf(tensor);
    if (bytes > room) {
      shards.push([]);
      room = maxShardBytes;
    }
    shards.at(-1)?.push(tensor);
    room -= bytes;
  }
  return shards;
}
