/** What this process has started or holds and that is still there. */

/** Command lines of the children of this process, ended ones that nobody waited for included; Linux only, else none. */
export function childProcesses(): string[] {
  if (Deno.build.os !== "linux") return [];
  return [...Deno.readDirSync("/proc")].filter(({ name }) => /^\d+$/.test(name)).flatMap(({ name }) => {
    try {
      const stat = Deno.readTextFileSync(`/proc/${name}/stat`);
      const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
      return parent === Deno.pid
        ? [`${name} ${Deno.readTextFileSync(`/proc/${name}/cmdline`).replaceAll("\0", " ")}`]
        : [];
    } catch {
      return []; // it has ended meanwhile
    }
  });
}

/** Memory of frames that this process holds: a line for each file that is open and for each mapping. */
export function memoryFiles(): string[] {
  const open = [...Deno.readDirSync("/proc/self/fd")].map(({ name }) => {
    try {
      return Deno.readLinkSync(`/proc/self/fd/${name}`);
    } catch {
      return ""; // the one that listed them
    }
  });
  const mapped = Deno.readTextFileSync("/proc/self/maps").split("\n");
  return [...open, ...mapped].filter((line) => line.includes("memfd:frames"));
}
