/** The data report as one page that needs nothing else: no script, no font, no file beside it. */
import { basename, dirname } from "node:path";
import type { DataReport, RejectedFile, ReportedBucket } from "../../data/mod.ts";
import { fileCard } from "./card.ts";
import { categories, histogram } from "./histogram.ts";
import { type Html, html, join, safe } from "./html.ts";
import type { Pictures } from "./pictures.ts";
import { STYLE } from "./style.ts";
import { lengthText, percent, speedText } from "./words.ts";

/** What a page shows besides the report. */
export interface PageOptions {
  readonly name: string;
  /** By path. */
  readonly pictures: ReadonlyMap<string, Pictures>;
  readonly now: Date;
}

/** Files that get a card; the others are in the figures alone. */
const MOST_CARDS = 2000;
/** Rejected files that are listed at once; where there are more, a click on their kind lists them. */
const OPEN_REJECTED = 15;

/** The page as text. */
export function dataPage(report: DataReport, options: PageOptions): string {
  const { files } = report;
  const cards = files.slice(0, MOST_CARDS).map((file) => fileCard(file, options.pictures.get(file.path)));
  const rest = files.length - cards.length;
  return html`
    <!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <link rel="icon" href="data:,">
        <title>${options.name}: data</title>
        <style>
        ${safe(STYLE)}
        </style>
      </head>
      <body>
        <header>
          <p class="eyebrow">wantune data report</p>
          <h1>${options.name}</h1>
          <p class="quiet">${facts(report)} &middot; ${options.now.toISOString().slice(0, 16).replace("T", " ")} UTC</p>
        </header>
        <main>
          ${tiles(report)} ${rejectedSection(report.rejected)} ${bucketSection(report.buckets)} ${figures(report)}
          <section>
            <h2>Files in use</h2>
            <p class="quiet">
              Pictures show the beginning, middle and end of a file's first window; what is dimmed is cut off. The bar is
              the file's length, what is filled in is shown.
            </p>
            <div class="cards">${join(cards)}</div>
            ${rest > 0
              ? html`
                <p class="quiet">and ${rest} more files</p>
              `
              : ""}
          </section>
        </main>
      </body>
    </html>
  `.text;
}

function facts({ fps, divisor, buckets }: DataReport): string {
  const frames = [...new Set(buckets.map((bucket) => bucket.frames))].sort((a, b) => a - b);
  const lengths = frames.length > 4 ? `${frames[0]} to ${frames.at(-1)}` : frames.join(", ");
  return `${lengths || "no"} frames at ${fps} fps, sides a multiple of ${divisor}`;
}

function tiles({ totals, files, buckets }: DataReport): Html {
  const { used, rejected, items, seconds, secondsUsed } = totals;
  const clips = files.filter(({ kind }) => kind === "clip").length;
  const share = seconds > 0 ? secondsUsed / seconds : 0;
  const tile = (value: string, label: string, note: string, kind = ""): Html =>
    html`
      <div class="tile ${kind}"><b>${value}</b><span>${label}</span><small>${note}</small></div>
    `;
  return html`
    <section class="tiles">
      ${tile(String(used), "files in use", `${clips} clips, ${used - clips} stills`)} ${tile(
        String(rejected),
        "rejected",
        rejected === 0 ? "every file can be used" : "reasons and cures below",
        rejected > 0 ? "bad" : "good",
      )} ${tile(String(items), "items", `windows and stills in ${buckets.length} buckets`)} ${tile(
        lengthText(secondsUsed),
        "of film shown",
        seconds > 0 ? `${percent(share)} of ${lengthText(seconds)}` : "stills only",
      )} ${speedTile(files)}
    </section>
  `;

  function speedTile(all: DataReport["files"]): Html {
    const speeds = all.flatMap(({ windows }) => windows.map(({ speed }) => speed)).filter((speed) =>
      Math.abs(speed - 1) > 0.005
    );
    if (speeds.length === 0) return tile("1x", "speed of motion", "everything moves as it was filmed", "good");
    const [least, most] = [Math.min(...speeds.slice(0, 1e5)), Math.max(...speeds.slice(0, 1e5))];
    return tile(
      `${speedText(least)} to ${speedText(most)}`,
      "speed of motion",
      `${speeds.length} items are not at real speed`,
      "bad",
    );
  }
}

function rejectedSection(rejected: readonly RejectedFile[]): Html {
  if (rejected.length === 0) {
    return html`

    `;
  }
  const isShort = rejected.length <= OPEN_REJECTED;
  const groups = [...Map.groupBy(rejected, ({ code }) => code)].sort(([, a], [, b]) => b.length - a.length);
  return html`
    <section>
      <h2>Rejected</h2>
      ${join(groups.map(([code, list]) => rejectedGroup(code, { list, isOpen: isShort })))}
    </section>
  `;
}

function rejectedGroup(code: string, { list, isOpen }: { list: readonly RejectedFile[]; isOpen: boolean }): Html {
  const rows = list.map(({ path, line, reason, cure }) =>
    html`
      <tr>
        <td class="path"><b>${basename(path)}</b>${line === undefined ? "" : `, line ${line}`}<small>${dirname(
          path,
        )}</small></td>
        <td>${reason}</td>
        <td>${cure ?? ""}</td>
      </tr>
    `
  );
  return html`
    <details ${isOpen ? "open" : ""}>
      <summary>${code.replaceAll("_", " ")} <i>${list.length}</i></summary>
      <table>
        <thead>
          <tr>
            <th>File</th>
            <th>Reason</th>
            <th>Cure</th>
          </tr>
        </thead>
        <tbody>${join(rows)}</tbody>
      </table>
    </details>
  `;
}

function bucketSection(buckets: readonly ReportedBucket[]): Html {
  const most = Math.max(1, ...buckets.slice(0, 1).map(({ items }) => items));
  const rows = buckets.map(({ bucket, width, height, frames, items, shown }) => {
    const scale = 26 / Math.max(width, height);
    const shape = `width:${(width * scale).toFixed(1)}px;height:${(height * scale).toFixed(1)}px`;
    return html`
      <tr>
        <td class="shape"><i style="${shape}"></i></td>
        <td>${width} &times; ${height}</td>
        <td class="number">${frames}</td>
        <td class="number">${items}</td>
        <td class="number">${shown}</td>
        <td class="fill" title="${bucket}"><i style="width:${(items / most * 100).toFixed(1)}%"></i></td>
      </tr>
    `;
  });
  return html`
    <section>
      <h2>Buckets</h2>
      <p class="quiet">A batch is of one bucket. One with fewer items than a batch shows some of them twice.</p>
      <table class="buckets">
        <thead>
          <tr>
            <th></th>
            <th>Size</th>
            <th class="number">Frames</th>
            <th class="number">Items</th>
            <th class="number">In an epoch</th>
            <th>Share</th>
          </tr>
        </thead>
        <tbody>${join(rows)}</tbody>
      </table>
    </section>
  `;
}

function figures({ files }: DataReport): Html {
  const clips = files.filter(({ kind }) => kind === "clip");
  const words = files.flatMap(({ captions }) => captions.map((caption) => caption.split(/\s+/).filter(Boolean).length));
  const unused = clips.map(({ seconds, secondsUsed }) => seconds > 0 ? 100 * secondsUsed / seconds : 0);
  return html`
    <section>
      <h2>Figures</h2>
      <div class="charts">
        ${histogram(files.map(({ width, height }) => Math.min(width, height)), {
          title: "Short side",
          unit: "pixels",
        })} ${histogram(clips.map(({ seconds }) => seconds), {
          title: "Length of clips",
          unit: "seconds",
        })} ${categories(clips.map(({ fps }) => fps.toFixed(2).replace(/\.?0+$/, "")), {
          title: "Frame rate",
          unit: "frames per second",
        })} ${histogram(unused, {
          title: "Part of a clip that is shown",
          unit: "per cent",
          range: [0, 100],
        })} ${histogram(words, { title: "Length of captions", unit: "words" })} ${categories(
          files.map(({ codec }) => codec),
          { title: "Codec", unit: "" },
        )}
      </div>
    </section>
  `;
}
