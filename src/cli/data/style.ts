/** How the page looks. */

/** Its style sheet; light or dark as the reader's system is. */
export const STYLE = `
:root { color-scheme: light dark; --ground: #f6f6f4; --panel: #fff; --ink: #1d1e1c; --quiet: #6b6d68; --line: #e2e2dd;
  --accent: #2f6f5e; --soft: #d5e5df; --bad: #b3441e; --badsoft: #fbe9e1; --good: #2f6f5e; }
@media (prefers-color-scheme: dark) { :root { --ground: #161816; --panel: #1f2220; --ink: #e8e9e5; --quiet: #989c95;
  --line: #333733; --accent: #77c2a9; --soft: #2b423a; --bad: #f0976f; --badsoft: #3d2a21; --good: #77c2a9; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
header, main { max-width: 1180px; margin: 0 auto; padding: 0 28px; }
header { padding-top: 44px; }
h1 { font-size: 34px; line-height: 1.15; margin: 2px 0 6px; letter-spacing: -0.02em; overflow-wrap: anywhere; }
h2 { font-size: 19px; margin: 44px 0 10px; letter-spacing: -0.01em; }
h3 { font-size: 14px; margin: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
p { margin: 0 0 8px; }
.eyebrow { color: var(--accent); font-weight: 600; font-size: 12px; letter-spacing: .08em; text-transform: uppercase; }
.quiet, .where, .facts, .used { color: var(--quiet); font-size: 13px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(180px, 1fr)); gap: 12px; margin-top: 24px; }
.tile, figure, article, details, .buckets { background: var(--panel); border: 1px solid var(--line); border-radius: 10px; }
.tile { padding: 16px 18px; display: flex; flex-direction: column; }
.tile b { font-size: 26px; font-weight: 650; letter-spacing: -0.02em; line-height: 1.25; }
.tile small { color: var(--quiet); margin-top: 4px; }
.tile.bad b { color: var(--bad); } .tile.good b { color: var(--good); }
table { width: 100%; border-collapse: collapse; font-size: 13.5px; }
th { text-align: left; font-weight: 600; color: var(--quiet); font-size: 12px; }
th, td { padding: 8px 14px; border-top: 1px solid var(--line); vertical-align: top; }
thead th { border-top: 0; }
details table { table-layout: fixed; }
td { overflow-wrap: anywhere; }
.path small { display: block; color: var(--quiet); font-size: 12px; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.buckets { border-collapse: separate; border-spacing: 0; }
.buckets td { vertical-align: middle; }
.shape { width: 52px; height: 42px; } .shape i { display: block; margin: auto; border: 1.5px solid var(--accent); border-radius: 2px; }
.fill { width: 45%; } .fill i { display: block; height: 12px; min-width: 2px; border-radius: 3px; background: var(--accent); }
details { margin-bottom: 10px; overflow: hidden; }
summary { cursor: pointer; padding: 10px 14px; font-weight: 600; background: var(--badsoft); color: var(--bad); }
summary i { font-style: normal; font-weight: 400; margin-left: 6px; opacity: .8; }
summary::first-letter { text-transform: uppercase; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(300px, 100%), 1fr)); gap: 12px; }
figure { margin: 0; padding: 14px 16px; }
figcaption { font-weight: 600; font-size: 13.5px; margin-bottom: 10px; }
figcaption small { font-weight: 400; color: var(--quiet); }
.columns { display: flex; align-items: flex-end; gap: 3px; height: 110px; border-bottom: 1px solid var(--line); }
.columns i { flex: 1; background: var(--accent); border-radius: 3px 3px 0 0; max-width: 60px; }
.axis { display: flex; justify-content: space-between; color: var(--quiet); font-size: 12px; padding-top: 4px; }
.rows div { display: flex; align-items: center; gap: 8px; font-size: 12.5px; padding: 1.5px 0; }
.rows span:first-child { width: 84px; overflow: hidden; text-overflow: ellipsis; } .rows span:last-child { color: var(--quiet); }
.rows b { flex: 1; } .rows b i { display: block; height: 10px; min-width: 2px; border-radius: 3px; background: var(--accent); }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(340px, 100%), 1fr)); gap: 14px; align-items: start; }
article { overflow: hidden; }
.strip { position: relative; width: 100%; max-height: 190px; margin: 0 auto; background: #000; }
.strip img, .strip svg { position: absolute; inset: 0; width: 100%; height: 100%; display: block; }
.outside { fill: rgba(0, 0, 0, .62); } .inside { fill: none; stroke: #fff; stroke-width: 1.2; vector-effect: non-scaling-stroke; }
.body { padding: 12px 14px 14px; }
.where { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; direction: rtl; text-align: left; margin: 0; font-size: 12px; }
.facts { margin: 4px 0 8px; color: var(--ink); }
.timeline { position: relative; height: 10px; border-radius: 5px; background: var(--line); overflow: hidden; }
.timeline i { position: absolute; top: 0; bottom: 0; background: var(--accent); opacity: .75; border-right: 1px solid var(--panel); }
.used { margin: 3px 0 8px; font-size: 12px; }
.badges { display: flex; flex-wrap: wrap; gap: 5px; }
.badges span { background: var(--soft); border-radius: 5px; padding: 1px 7px; font-size: 12px; font-variant-numeric: tabular-nums; }
.badges .warn, .note { background: var(--badsoft); color: var(--bad); }
.caption { display: -webkit-box; -webkit-line-clamp: 3; -webkit-box-orient: vertical; overflow: hidden; font-size: 13px; }
.note { border-radius: 6px; padding: 4px 8px; font-size: 12.5px; margin: 6px 0 0; }
.problem { background: var(--badsoft); color: var(--bad); padding: 12px 14px; margin: 0; font-size: 13px; overflow-wrap: anywhere; }
main { padding-bottom: 60px; }
@media (max-width: 640px) { header, main { padding-left: 14px; padding-right: 14px; } th, td { padding: 6px 7px; } .fill { width: 20%; } }
@media print { body { background: none; } article, figure, details { break-inside: avoid; } }
`;
