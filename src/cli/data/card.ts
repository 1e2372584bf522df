/** One used file on the page. */
import { basename, dirname } from "node:path";
import type { ReportedFile, ReportedWindow } from "../../data/mod.ts";
import { type Html, html, join } from "./html.ts";
import type { Pictures } from "./pictures.ts";
import { lengthText, speedText } from "./words.ts";

/** A file's pictures with the crop drawn, its caption, and what is used of it. */
export function fileCard(file: ReportedFile, pictures: Pictures | undefined): Html {
  const { path, captions, notes, kind } = file;
  const [caption = "", ...others] = captions;
  return html`
    <article>
      ${strip(file, pictures)}
      <div class="body">
        <h3 title="${path}">${basename(path)}</h3>
        <p class="where"><bdi>${dirname(path)}</bdi></p>
        <p class="facts">${factsOf(file)}</p>
        ${kind === "clip" ? timeline(file) : ""}
        <p class="badges">${join(badges(file))}</p>
        <p class="caption" title="${caption}">${caption}</p>
        ${others.length > 0
          ? html`
            <p class="quiet">and ${others.length} other captions</p>
          `
          : ""} ${join(notes.map((note) =>
            html`
              <p class="note">${note}</p>
            `
          ))}
      </div>
    </article>
  `;
}

function factsOf({ kind, width, height, fps, seconds, codec }: ReportedFile): string {
  const size = `${width} × ${height}`;
  if (kind === "still") return `${size}, still, ${codec}`;
  return `${size}, ${fps.toFixed(2).replace(/\.?0+$/, "")} fps, ${lengthText(seconds)}, ${codec}`;
}

function badges({ windows, repeats }: ReportedFile): Html[] {
  const groups = Map.groupBy(windows, ({ bucket }) => bucket);
  const buckets = [...groups].map(([bucket, list]) =>
    html`
      <span>${list.length > 1 ? `${list.length} × ` : ""}${bucket.replaceAll("x", "×")}</span>
    `
  );
  const speeds = [
    ...new Set(windows.filter(({ speed }) => Math.abs(speed - 1) > 0.005).map(({ speed }) => speedText(speed))),
  ];
  const variants = windows.reduce((most, window) => Math.max(most, window.variants), 1);
  return [
    ...buckets,
    ...speeds.slice(0, 3).map((speed) =>
      html`
        <span class="warn">${speed} speed</span>
      `
    ),
    ...(variants > 1
      ? [html`
        <span>${variants} variants</span>
      `]
      : []),
    ...(repeats > 1
      ? [html`
        <span>${repeats} times an epoch</span>
      `]
      : []),
  ];
}

/** Where in the clip the windows lie. */
function timeline({ windows, seconds, secondsUsed }: ReportedFile): Html {
  const bars = windows.slice(0, 200).map(({ start, seconds: length }) => {
    const left = start / seconds * 100;
    const width = Math.min(100 - left, length / seconds * 100);
    return html`
      <i title="${start.toFixed(2)} s to ${(start + length).toFixed(2)} s" style="left:${left.toFixed(2)}%;width:${width
        .toFixed(2)}%"></i>
    `;
  });
  return html`
    <div class="timeline">${join(bars)}</div>
    <p class="used">${lengthText(secondsUsed)} of ${lengthText(seconds)} shown</p>
  `;
}

function strip({ windows, width, height }: ReportedFile, pictures: Pictures | undefined): Html {
  const [window] = windows;
  if (pictures === undefined || window === undefined) {
    return html`

    `;
  }
  if ("problem" in pictures) {
    return html`
      <p class="problem">${pictures.problem}</p>
    `;
  }
  const { dataUrl, count } = pictures;
  const ratio = `${(width * count / height).toFixed(4)}`;
  return html`
    <div class="strip" style="aspect-ratio:${ratio}">
      <img alt="" loading="lazy" src="${dataUrl}">
      <svg viewBox="0 0 ${count * 100} 100" preserveAspectRatio="none" aria-hidden="true">${join(
        Array.from({ length: count }, (_, k) => cropMark(window, k)),
      )}</svg>
    </div>
  `;
}

/** Dims what is cut off and draws a frame around what is kept, in hundredths of the picture. */
function cropMark({ crop }: ReportedWindow, k: number): Html {
  const [x, y] = [crop.left / crop.scaledWidth * 100 + k * 100, crop.top / crop.scaledHeight * 100];
  const [w, h] = [crop.width / crop.scaledWidth * 100, crop.height / crop.scaledHeight * 100];
  const inner = `M${x.toFixed(2)} ${y.toFixed(2)}h${w.toFixed(2)}v${h.toFixed(2)}h-${w.toFixed(2)}z`;
  return html`
    <path class="outside" fill-rule="evenodd" d="M${k * 100} 0h100v100h-100z${inner}" /><path
      class="inside"
      d="${inner}"
    />
  `;
}
