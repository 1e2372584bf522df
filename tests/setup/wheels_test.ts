import assert from "node:assert/strict";
import { buildFor, nvidiaRequirements, parseIndex, pickWheel } from "../../src/setup/wheels.ts";

const HASH = "ab".repeat(32);
const PAGE = `<!DOCTYPE html><html><body><h1>Links for torch</h1>
<a href="/whl/cpu/torch-2.13.0%2Bcpu-cp310-cp310-manylinux_2_28_x86_64.whl#sha256=${HASH}">x</a><br/>
<a href='/whl/cpu/torch-2.13.0%2Bcpu-cp311-cp311-manylinux_2_28_x86_64.whl#sha256=${HASH}' data-x="y">x</a>
<a href="torch-2.13.0%2Bcpu-cp311-cp311-manylinux_2_28_aarch64.whl">x</a>
<a href="torch-2.13.0%2Bcpu-cp313-cp313t-manylinux_2_28_x86_64.whl">x</a>
<a href="torch-2.13.0%2Bcpu-cp311-cp311-win_amd64.whl">x</a>
<a href="torch-2.12.1%2Bcpu-cp311-cp311-manylinux_2_28_x86_64.whl">x</a>
<a href="http://[broken">x</a><a href="torch-2.13.0.tar.gz">x</a></body></html>`;

Deno.test("parseIndex() reads links, names and hashes as pip's pages write them", () => {
  const links = parseIndex(PAGE, "https://example.org/whl/cpu/torch/");
  assert.equal(links.length, 6);
  assert.deepEqual(links[0], {
    filename: "torch-2.13.0+cpu-cp310-cp310-manylinux_2_28_x86_64.whl",
    url: "https://example.org/whl/cpu/torch-2.13.0%2Bcpu-cp310-cp310-manylinux_2_28_x86_64.whl",
    sha256: HASH,
  });
  assert.equal(links[2]?.sha256, undefined);
  assert.equal(
    links[2]?.url,
    "https://example.org/whl/cpu/torch/torch-2.13.0%2Bcpu-cp311-cp311-manylinux_2_28_aarch64.whl",
  );
});

Deno.test("pickWheel() takes the version, system and processor asked for, and 3.11 where it can", () => {
  const links = parseIndex(PAGE, "https://example.org/torch/");
  const pick = (version: string, arch: string): string | undefined => pickWheel(links, { version, arch })?.filename;
  assert.equal(pick("2.13.0+cpu", "x86_64"), "torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl");
  assert.equal(pick("2.13.0", "x86_64"), "torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl");
  assert.equal(pick("2.13.0+cpu", "aarch64"), "torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_aarch64.whl");
  assert.equal(pick("2.14.0", "x86_64"), undefined);
  assert.equal(pickWheel(links.slice(0, 1), { version: "2.13.0+cpu", arch: "x86_64" })?.sha256, HASH);
});

Deno.test("nvidiaRequirements() keeps the NVIDIA libraries with their versions and nothing else", () => {
  const metadata = [
    "Requires-Dist: filelock",
    'Requires-Dist: cuda-toolkit[cublas,nvrtc]==13.0.3; platform_system == "Linux"',
    'Requires-Dist: cuda-bindings<14,>=13.0.3; platform_system == "Linux"',
    "Requires-Dist: nvidia-cudnn-cu13 (==9.24.0.43) ; platform_system == 'Linux'",
    "Requires-Dist: triton~=3.8.0",
  ].join("\r\n");
  assert.deepEqual(nvidiaRequirements(metadata), [
    "cuda-toolkit[cublas,nvrtc]==13.0.3",
    "nvidia-cudnn-cu13==9.24.0.43",
  ]);
});

Deno.test("buildFor() knows cpu and cuda, and asks for the page of a ROCm version", () => {
  assert.equal(buildFor("cpu").version, "2.13.0+cpu");
  assert.equal(buildFor("cuda").version, "2.14.1");
  assert.equal(buildFor("cpu", { version: "2.12.0+cpu", index: "http://m" }).index, "http://m");
  assert.throws(() => buildFor("rocm"), /listed by ROCm version/);
  assert.equal(buildFor("rocm", { version: "2.13.0+rocm7.2", index: "http://m" }).version, "2.13.0+rocm7.2");
});
