/** The cards of this machine as its driver tells, whether or not libtorch can use them. */

/** Models of the NVIDIA cards that Linux knows: `NVIDIA H100 80GB HBM3`; none on other systems or without the driver. */
export function installedCards(folder = "/proc/driver/nvidia/gpus"): string[] {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) =>
      /^Model:\s+(.*)$/m.exec(Deno.readTextFileSync(`${folder}/${name}/information`))?.[1] ?? ""
    );
  } catch {
    return []; // another system, or no such driver
  }
}
