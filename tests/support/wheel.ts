/** Small wheels (zip files) for tests. */

import { TextReader, Uint8ArrayWriter, ZipWriter } from "@zip.js/zip.js";

/** A zip file with these texts by path. */
export async function makeZip(files: Record<string, string>): Promise<Uint8Array> {
  const writer = new Uint8ArrayWriter();
  const zip = new ZipWriter(writer, { useWebWorkers: false });
  for (const [name, text] of Object.entries(files)) await zip.add(name, new TextReader(text));
  await zip.close();
  return await writer.getData();
}

/** A wheel with the parts of torch that a set-up looks at, and parts that it leaves alone. */
export function torchWheel(version: string, extra: Record<string, string> = {}): Promise<Uint8Array> {
  return makeZip({
    "torch/__init__.py": "raise ImportError",
    "torch/version.py": `__version__ = '${version}'\n`,
    "torch/lib/libtorch.so": "not really a library",
    "torch/lib/libgomp.so.1": "x".repeat(50_000),
    "torch/lib/libshm/alloc_info.h": "//",
    "torch/include/ATen/ATen.h": "//",
    [`torch-${version}.dist-info/METADATA`]: "Name: torch\nRequires-Dist: filelock\n",
    ...extra,
  });
}
