/** The processes that this one has started and that are still there. */

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
