/** How the data report says numbers. */

/** `4.6 s`, `3 min 05 s`. */
export function lengthText(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const rest = String(whole % 60).padStart(2, "0");
  return hours > 0 ? `${hours} h ${String(minutes).padStart(2, "0")} min` : `${minutes} min ${rest} s`;
}

/** `73 %`. */
export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

/** `1x`, `2.35x`. */
export function speedText(speed: number): string {
  return `${speed.toFixed(2).replace(/\.?0+$/, "")}x`;
}
