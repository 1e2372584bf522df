/** Which wheel holds libtorch for a device and this machine, and how index pages list wheels. */

import { SetupError } from "../base/mod.ts";

/** The kinds of device that libtorch is built for. */
export const devices = ["cpu", "cuda", "rocm"] as const;
/** One of {@linkcode devices}. */
export type SetupDevice = typeof devices[number];

/** What `setup` fetches for a device unless told otherwise. */
export interface Build {
  /** Version of the torch wheel. */
  readonly version: string;
  /** Page under which the wheels of this device are listed (a "simple" index). */
  readonly index: string;
}

/**
 * The build for a device.
 * @param options.index a page to look at instead, from `WANTUNE_WHEEL_INDEX` or --index
 * @throws {SetupError} for rocm without a page: its wheels are listed by ROCm version, which is not guessed
 */
export function buildFor(device: SetupDevice, options: { index?: string; version?: string } = {}): Build {
  const { index, version } = options;
  switch (device) {
    case "cpu":
      return { version: version ?? "2.13.0+cpu", index: index ?? "https://download.pytorch.org/whl/cpu" };
    case "cuda":
      return { version: version ?? "2.14.1", index: index ?? "https://download.pytorch.org/whl/cu130" };
    case "rocm":
      if (index !== undefined && version !== undefined) return { version, index };
      throw new SetupError("Cannot choose a libtorch for rocm: wheels are listed by ROCm version.", {
        cure: "give --index with the page of yours (https://download.pytorch.org/whl/rocmX.Y) and --version with a " +
          "torch version on it, such as 2.14.1+rocmX.Y",
      });
  }
}

/** A wheel that a page offers. */
export interface WheelLink {
  readonly filename: string;
  readonly url: string;
  /** SHA-256 of the file in hex, where the page tells it. */
  readonly sha256: string | undefined;
}

/** The processor as wheel names spell it. @throws {SetupError} on a system without wheels for us */
export function wheelArch(): string {
  const arch = Deno.build.arch === "aarch64" ? "aarch64" : "x86_64";
  if (Deno.build.os !== "linux") {
    throw new SetupError(`Cannot fetch libtorch for ${Deno.build.os}: only Linux is supported.`, {
      cure: "use a Linux machine, or a Linux system inside Windows (WSL)",
    });
  }
  return arch;
}

/** The wheels listed on an index page (PEP 503: one link each, with `#sha256=` behind it). */
export function parseIndex(html: string, pageUrl: string): WheelLink[] {
  const links: WheelLink[] = [];
  for (const match of html.matchAll(/<a\b[^>]*\bhref\s*=\s*(?:"([^"]*)"|'([^']*)')/gi)) {
    const href = (match[1] ?? match[2] ?? "").replaceAll("&amp;", "&");
    if (!URL.canParse(href, pageUrl)) continue;
    const url = new URL(href, pageUrl);
    const sha256 = /^#sha256=([0-9a-f]{64})$/i.exec(url.hash)?.[1]?.toLowerCase();
    url.hash = "";
    const filename = decode(url.pathname.slice(url.pathname.lastIndexOf("/") + 1));
    if (filename.endsWith(".whl")) links.push({ filename, url: url.href, sha256 });
  }
  return links;
}

/**
 * The wheel of a version for a platform. Any Python's will do, since only the C++ parts are used; the one for 3.11 is
 * preferred so that all machines have the same file.
 */
export function pickWheel(
  links: readonly WheelLink[],
  wanted: { version: string; arch: string },
): WheelLink | undefined {
  const fitting = links.filter(({ filename }) => {
    const match = /^torch-([^-]+)-cp\d+-cp\d+-([^-]+)\.whl$/.exec(filename);
    if (match === null) return false;
    const [, version = "", platform = ""] = match;
    const same = version === wanted.version ||
      (!wanted.version.includes("+") && version.startsWith(`${wanted.version}+`));
    return same && platform.includes("linux") && platform.includes(wanted.arch);
  });
  return fitting.find(({ filename }) => filename.includes("-cp311-cp311-")) ?? fitting[0];
}

/** The NVIDIA wheels that a torch wheel's METADATA asks for, as pip requirements without their markers. */
export function nvidiaRequirements(metadata: string): string[] {
  return [...metadata.matchAll(/^Requires-Dist:\s*([^;\r\n]+)/gim)]
    .map((match) => (match[1] ?? "").trim())
    .filter((requirement) => /^(nvidia-|cuda-toolkit\b)/i.test(requirement))
    .map((requirement) => requirement.replaceAll(/[\s()]/g, ""));
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
