/** Bars that show how values are spread. */
import { type Html, html, join } from "./html.ts";

/** What a chart is of. */
export interface ChartOptions {
  readonly title: string;
  readonly unit: string;
  /** From where to where; absent: as the values are. */
  readonly range?: readonly [number, number];
}

interface Bar {
  readonly label: string;
  readonly count: number;
}

const BINS = 14;
const MOST_CATEGORIES = 10;

/** Numbers in bins of a round width. */
export function histogram(values: readonly number[], options: ChartOptions): Html {
  if (values.length === 0) {
    return html`

    `;
  }
  const [low, high] = options.range ??
    values.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
  const step = roundStep((high - low) / BINS);
  const first = Math.floor(low / step + 1e-9);
  const counts = new Array<number>(Math.max(1, Math.ceil(high / step - 1e-9) - first)).fill(0);
  for (const value of values) {
    const bin = Math.min(counts.length - 1, Math.max(0, Math.floor(value / step + 1e-9) - first));
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  const at = (bin: number): string => Number(((first + bin) * step).toPrecision(6)).toString();
  const bars = counts.map((count, bin) => ({ label: `${at(bin)} to ${at(bin + 1)}`, count }));
  return chart(bars, { ...options, from: at(0), to: at(counts.length), total: values.length });
}

/** Words and how often each comes, the numbers among them in their order. */
export function categories(values: readonly string[], options: ChartOptions): Html {
  if (values.length === 0) {
    return html`

    `;
  }
  const counts = [...Map.groupBy(values, (value) => value)].map(([label, list]) => ({ label, count: list.length }));
  const shown = counts.sort((a, b) => b.count - a.count).slice(0, MOST_CATEGORIES);
  const left = counts.slice(MOST_CATEGORIES).reduce((sum, { count }) => sum + count, 0);
  const bars = shown.sort((a, b) => Number(a.label) - Number(b.label));
  return labelled(left > 0 ? [...bars, { label: "others", count: left }] : bars, options);
}

/** 1, 2 or 5 times a power of ten, at least so much. */
export function roundStep(least: number): number {
  if (!(least > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(least) + 1e-9);
  return power * ([1, 2, 5].find((factor) => factor * power >= least * (1 - 1e-9)) ?? 10);
}

function chart(bars: readonly Bar[], options: ChartOptions & { from: string; to: string; total: number }): Html {
  const most = Math.max(...bars.map(({ count }) => count));
  const columns = bars.map(({ label, count }) =>
    html`
      <i title="${label} ${options.unit}: ${count}" style="height:${(count / most * 100).toFixed(1)}%"></i>
    `
  );
  return html`
    <figure>
      <figcaption>${options.title}</figcaption>
      <div class="columns">${join(columns)}</div>
      <div class="axis"><span>${options.from}</span><span>${options.unit}</span><span>${options.to}</span></div>
    </figure>
  `;
}

function labelled(bars: readonly Bar[], options: ChartOptions): Html {
  const most = Math.max(...bars.map(({ count }) => count));
  const rows = bars.map(({ label, count }) =>
    html`
      <div><span>${label}</span><b><i style="width:${(count / most * 100).toFixed(
        1,
      )}%"></i></b><span>${count}</span></div>
    `
  );
  return html`
    <figure>
      <figcaption>${options.title}${options.unit === "" ? "" : html`
        <small>${options.unit}</small>
      `}</figcaption>
      <div class="rows">${join(rows)}</div>
    </figure>
  `;
}
