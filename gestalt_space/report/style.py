"""The style of all pages: light and dark, wide and narrow, with the fonts that the reader has."""

from __future__ import annotations

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fcfcfa; --ink: #1d2327; --faint: #5d676e; --line: #dcdfe0; --card: #ffffff;
  --accent: #1f6f78; --mark: #fff3cf; --mark-edge: #c98a00; --track: #e6e9e9;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15191c; --ink: #e7eaeb; --faint: #9aa6ac; --line: #333b40; --card: #1c2226;
    --accent: #63bcc6; --mark: #3a3115; --mark-edge: #e0aa35; --track: #2c3438;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
}
main { max-width: 58rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .75rem; letter-spacing: -.01em; }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 0 0 .5rem; }
h3 { font-size: 1rem; margin: 0 0 .5rem; }
section { margin-top: 2.75rem; padding-top: 1.5rem; border-top: 1px solid var(--line); }
p { margin: 0 0 .9rem; max-width: 44rem; }
ul { padding-left: 1.2rem; margin: 0 0 .9rem; }
li { margin-bottom: .3rem; }
small, figcaption, caption, .faint { color: var(--faint); font-size: .875rem; }
code { font: .9em ui-monospace, "SF Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
pre {
  margin: .3rem 0 .9rem; padding: .7rem .9rem; background: var(--card);
  border: 1px solid var(--line); border-radius: 6px; overflow-x: auto;
}
pre code { overflow-wrap: normal; }
.lead { font-size: 1.06rem; }
.note {
  background: var(--card); border: 1px solid var(--line); border-left: 4px solid var(--accent);
  border-radius: 6px; padding: .75rem 1rem; margin: 1.1rem 0;
}
dl.facts {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(12.5rem, 1fr));
  gap: .9rem 1.5rem; margin: 1.4rem 0 0;
}
dl.facts dt { color: var(--faint); font-size: .8125rem; }
dl.facts dd { margin: 0; overflow-wrap: anywhere; }
img { display: block; max-width: 100%; height: auto; border-radius: 6px; }
figure { margin: 0; }
section > figure { margin-bottom: 1.1rem; }
table + table { margin-top: 1.6rem; }
figcaption { margin-top: .4rem; line-height: 1.4; }
.beside { display: flex; flex-wrap: wrap; gap: 1.25rem 1.5rem; align-items: flex-start; }
.beside > .grows { flex: 1 1 18rem; min-width: 0; }
.beside > figure { flex: 0 1 160px; }
.beside > figure + figure { flex-basis: 128px; }
.beside > .plot { flex: 5 1 26rem; }
.beside > .key { flex: 1 1 10rem; margin-top: 1rem; }
.faces {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(6rem, 1fr)); gap: 1.25rem .8rem;
}
.faces img { width: 100%; max-width: 112px; }
.faces figure.marked img { outline: 3px solid var(--mark-edge); outline-offset: 2px; }
.terms { grid-template-columns: repeat(auto-fill, minmax(9.5rem, 11rem)); }
.terms img { max-width: 160px; }
.true { color: var(--mark-edge); font-weight: 600; white-space: nowrap; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding-bottom: .4rem; caption-side: top; }
th, td { text-align: left; padding: .4rem .9rem .4rem .5rem; border-bottom: 1px solid var(--line); }
th { font-size: .8125rem; font-weight: 600; color: var(--faint); }
th.number, td.number { text-align: right; width: 1%; white-space: nowrap; }
td small { display: block; line-height: 1.35; }
tr.marked { background: var(--mark); }
tr.marked td:first-child { box-shadow: inset 4px 0 0 var(--mark-edge); }
td img { width: 48px; border-radius: 4px; }
.who { display: flex; align-items: center; gap: .6rem; }
.bar { display: flex; align-items: center; gap: .6rem; }
.track {
  flex: 1 1 auto; min-width: 2.5rem; max-width: 16rem; height: .5rem; border-radius: 4px;
  background: var(--track); overflow: hidden;
}
.track span { display: block; height: 100%; background: var(--accent); }
.bar .value { flex: none; min-width: 3.4rem; text-align: right; }
svg { display: block; width: 100%; height: auto; color: var(--ink); }
svg text { fill: currentColor; font-family: inherit; }
.plot { max-width: 44rem; margin: 1rem 0; }
.plot image { image-rendering: pixelated; }
.plot .frame { fill: none; stroke: var(--line); }
.plot path, .plot circle { stroke: var(--paper); stroke-width: .7; }
.plot .gap { stroke: var(--paper); stroke-opacity: .75; }
.plot .other { fill: var(--faint); fill-opacity: .38; }
.plot .ring { fill: none; stroke: var(--ink); stroke-width: 2; }
ul.key .ring { stroke-width: 1.6; }
ul.key {
  list-style: none; padding: 0; margin: .5rem 0 0; display: flex; flex-wrap: wrap;
  gap: .3rem 1.1rem; font-size: .875rem;
}
ul.key li { display: flex; align-items: center; gap: .4rem; margin: 0; }
ul.key svg.plot { margin: 0; width: 14px; height: 14px; flex: none; }
.chart { max-width: 44rem; margin: 1rem 0 .5rem; }
.charts { display: flex; flex-wrap: wrap; gap: 1.5rem 2rem; }
.charts > figure { flex: 1 1 20rem; min-width: 0; max-width: 27rem; }
ul.key svg.sample { width: 34px; height: 14px; flex: none; }
details { margin: 1rem 0; }
.scale { display: flex; align-items: center; gap: .6rem; font-size: .875rem; color: var(--faint); }
.scale span { white-space: nowrap; }
.scale img { flex: 0 1 14rem; min-width: 4rem; height: .7rem; border-radius: 3px; }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line); }
@media (max-width: 34rem) {
  main { padding: 1.5rem 1rem 3rem; }
  h1 { font-size: 1.5rem; }
  table { font-size: .9rem; }
  th, td { padding: .35rem .3rem; }
  td small { font-size: .8rem; }
  dl.facts { grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); }
  .who { flex-direction: column; align-items: flex-start; gap: .2rem; }
  .bar { flex-direction: column-reverse; align-items: stretch; gap: .2rem; }
  .bar .value { min-width: 0; text-align: left; }
  .track { flex: none; width: 100%; }
}
@media print { body { background: none; } section { break-inside: avoid; } }
"""
