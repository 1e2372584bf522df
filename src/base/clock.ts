/** Times, durations and sizes as text. */

/** The time as ISO 8601 in UTC with milliseconds: `2026-03-01T12:00:00.000Z`. */
export function isoTime(date: Date = new Date()): string {
  return date.toISOString();
}

/** A duration in seconds for people: `0.8 s`, `42 s`, `3 min 05 s`, `2 h 07 min`, `4 d 03 h`. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "?";
  const sign = seconds < 0 ? "-" : "";
  const length = Math.abs(seconds);
  if (length < 9.95) return `${sign}${length.toFixed(1)} s`;
  const whole = Math.round(length);
  if (whole < 60) return `${sign}${whole} s`;
  if (whole < 3600) return `${sign}${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  const minutes = Math.round(length / 60);
  if (minutes < 24 * 60) return `${sign}${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
  const hours = Math.round(length / 3600);
  return `${sign}${Math.floor(hours / 24)} d ${two(hours % 24)} h`;
}

/** A number of bytes for people, in powers of 1024: `512 B`, `1.5 MiB`, `24.0 GiB`. */
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes)) return "?";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

function two(number: number): string {
  return String(number).padStart(2, "0");
}
