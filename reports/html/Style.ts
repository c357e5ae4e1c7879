/** How the pages look: calm, with the fonts of the system, in the dark and in the light. */

export const style = `
:root {
  color-scheme: light dark;
  --page: light-dark(#fafaf8, #14171a);
  --panel: light-dark(#ffffff, #1b1f23);
  --ink: light-dark(#1c2227, #e3e7ea);
  --soft: light-dark(#59636d, #9aa5af);
  --line: light-dark(#e0e3e6, #2f363c);
  --faint: light-dark(#f1f3f4, #22272c);
  --accent: light-dark(#1b5cb8, #82b4ff);
  --good: light-dark(#146c3a, #63cf90);
  --good-tint: light-dark(#e6f4ea, #16301f);
  --bad: light-dark(#b3261e, #ff8f86);
  --bad-tint: light-dark(#fdeceb, #3a1b19);
  --warn: light-dark(#855400, #e6b450);
  --warn-tint: light-dark(#fdf3df, #33280f);
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
* { box-sizing: border-box }
html { scroll-padding-top: 1rem; -webkit-text-size-adjust: 100% }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
main { max-width: 72rem; margin: 0 auto; padding: 2.5rem 1.5rem 4rem }
.run-page main { max-width: 100rem; padding-top: 1.5rem }
.run-page h1 { font-size: 1.5rem }
h1, h2, h3 { line-height: 1.25; margin: 0; text-wrap: balance }
h1 { font-size: 2rem; font-weight: 650; letter-spacing: -0.015em }
h2 { font-size: 1.3rem; font-weight: 620; margin: 3rem 0 0.75rem }
h3 { font-size: 1rem; font-weight: 620; margin: 1.75rem 0 0.4rem }
p, li { overflow-wrap: anywhere; text-wrap: pretty }
p { margin: 0.4rem 0; max-width: 46rem }
ul, ol { margin: 0.4rem 0; padding-left: 1.3rem }
a { color: var(--accent); text-underline-offset: 0.15em }
code, kbd { font-family: var(--mono); font-size: 0.86em; overflow-wrap: anywhere }
kbd { border: 1px solid var(--line); border-radius: 4px; padding: 0 0.3em; background: var(--panel) }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
.soft { color: var(--soft) }
.good { color: var(--good) } .bad { color: var(--bad) } .warn { color: var(--warn) }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); margin: 0 }
.eyebrow { color: var(--soft); font-size: 0.9rem; margin: 0 0 0.25rem }
.failures { list-style: none; padding: 0; margin: 0.75rem 0 }
.failures li { padding: 0.3rem 0.9rem; margin: 0.3rem 0; border-left: 3px solid var(--bad) }
.small { font-size: 0.85rem; margin-top: 0 }
.lead { font-size: 1.1rem; margin-top: 0.6rem }
.said {
  font: 0.9rem/1.5 var(--mono); white-space: pre-wrap; max-width: none; margin: 0.75rem 0; padding: 0.7rem 0.9rem;
  border-left: 3px solid var(--bad); background: var(--bad-tint); border-radius: 0 6px 6px 0;
}
.note { padding: 0.6rem 0.9rem; border-left: 3px solid var(--warn); background: var(--warn-tint);
  border-radius: 0 6px 6px 0; max-width: none }

button, select, input { font: inherit; font-size: 0.9rem; color: inherit }
button, select, input[type=search] {
  border: 1px solid var(--line); border-radius: 6px; background: var(--panel); padding: 0.3rem 0.6rem;
  min-height: 2.1rem;
}
button { cursor: pointer }
button:hover { border-color: var(--soft) }
[hidden] { display: none !important }

.facts { display: flex; flex-wrap: wrap; gap: 0.9rem 2.25rem; margin: 1.25rem 0 0 }
.facts div { min-width: 5rem }
.facts dt { color: var(--soft); font-size: 0.85rem }
.facts dd { margin: 0; font-size: 1.2rem; font-weight: 560; font-variant-numeric: tabular-nums }
.pairs { margin: 0.5rem 0 }
.pairs div { display: grid; grid-template-columns: minmax(7rem, 14rem) minmax(0, 1fr); gap: 0 1rem; padding: 0.2rem 0 }
.pairs dt { color: var(--soft) }
.pairs dd { margin: 0; overflow-wrap: anywhere }

.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: 8px; background: var(--panel) }
table { border-collapse: collapse; width: 100%; font-size: 0.92rem }
caption { text-align: left; color: var(--soft); padding: 0.5rem 0.75rem }
th, td { text-align: left; padding: 0.45rem 0.75rem; border-bottom: 1px solid var(--line); vertical-align: baseline }
tbody tr:last-child > * { border-bottom: 0 }
thead th { color: var(--soft); font-weight: 500; font-size: 0.85rem; white-space: nowrap }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
tbody th { font-weight: 500 }
button.sort { border: 0; background: none; padding: 0; min-height: 0; color: inherit; font-size: inherit }
button.sort:hover { text-decoration: underline }
th[aria-sort=ascending] .sort::after { content: " ↑" }
th[aria-sort=descending] .sort::after { content: " ↓" }
.filter { display: flex; flex-wrap: wrap; gap: 0.5rem; align-items: center; margin: 0 0 0.6rem }

.badge { display: inline-block; font-size: 0.82rem; font-weight: 560; padding: 0.05rem 0.5rem; border-radius: 99px;
  white-space: nowrap; color: var(--soft); background: var(--faint) }
.badge.holds { color: var(--good); background: var(--good-tint) }
.badge.failed { color: var(--bad); background: var(--bad-tint) }
.badge.interrupted, .badge.skipped { color: var(--warn); background: var(--warn-tint) }

.matrix { width: auto; font-size: 0.86rem }
.matrix thead th { vertical-align: bottom; padding: 0.5rem 0.1rem; text-align: center }
.matrix thead th.upright a { writing-mode: vertical-rl; transform: rotate(180deg); text-decoration: none }
.matrix thead th.upright a:hover { text-decoration: underline }
.matrix td { text-align: center; padding: 0.25rem 0.1rem; min-width: 1.5rem }
.matrix td:has(.holds) { background: var(--good-tint) }
.matrix td:has(.failed) { background: var(--bad-tint) }
.matrix td:has(.interrupted), .matrix td:has(.skipped) { background: var(--warn-tint) }
.matrix tbody th { position: sticky; left: 0; background: var(--panel); font-weight: 400; text-wrap: pretty;
  padding: 0.25rem 0.75rem 0.25rem 4.1rem; text-indent: -3.35rem }
.matrix tbody tr:hover > * { background: var(--faint) }
.matrix .id { display: inline-block; width: 3.1rem; text-indent: 0; font-weight: 560;
  font-variant-numeric: tabular-nums }
.matrix tr.area > * { border-top: 2px solid var(--line) }
.matrix td a { text-decoration: none; font-weight: 700; display: block }
.mark.holds { color: var(--good) } .mark.failed { color: var(--bad) }
.mark.interrupted, .mark.skipped { color: var(--warn) }

.property { border: 1px solid var(--line); border-radius: 8px; background: var(--panel); margin: 0.6rem 0 }
.property > summary { display: flex; flex-wrap: wrap; gap: 0.1rem 0.75rem; align-items: baseline; position: relative;
  padding: 0.7rem 1rem 0.7rem 2.55rem; cursor: pointer; list-style: none }
.property > summary::-webkit-details-marker { display: none }
.property > summary::before { content: "▸"; color: var(--soft); position: absolute; left: 1rem }
.property[open] > summary::before { content: "▾" }
.property > summary:hover { background: var(--faint); border-radius: 8px }
.property > summary h3 { margin: 0; font-size: 1.02rem }
.property > summary .soft { margin-left: auto; font-size: 0.88rem }
.property .inside { padding: 0 1rem 1.25rem 2.55rem; scroll-margin-top: 4.5rem }
.property .inside > :first-child { margin-top: 0.2rem }
.inside h4 { font-size: 0.88rem; font-weight: 600; color: var(--soft); margin: 1.4rem 0 0.35rem }
.bars { display: grid; grid-template-columns: minmax(6rem, max-content) minmax(3rem, 18rem) max-content;
  gap: 0.2rem 0.75rem;
  align-items: center; margin: 0.3rem 0; padding: 0; list-style: none; font-size: 0.92rem }
.bars li { display: contents }
.bars .bar { height: 0.55rem; border-radius: 3px; background: var(--accent); opacity: 0.75; min-width: 2px }
.bars .count { font-variant-numeric: tabular-nums; color: var(--soft) }
.marks { list-style: none; padding: 0; columns: 22rem; font-size: 0.92rem }
.marks li { break-inside: avoid; padding-left: 1.4rem; text-indent: -1.4rem }
.marks .sign { display: inline-block; width: 1.4rem; text-indent: 0 }
.command { display: flex; gap: 0.5rem; align-items: flex-start; margin: 0.35rem 0 }
.command code { flex: 1; min-width: 0; background: var(--faint); border-radius: 6px; padding: 0.35rem 0.6rem;
  overflow-wrap: anywhere }
.command button { flex: none }
.story { font: 0.84rem/1.6 var(--mono); margin: 0.4rem 0; padding: 0.6rem 0.9rem; background: var(--faint);
  border-radius: 6px }
.story p { margin: 0; max-width: none; white-space: pre-wrap; padding-left: 2.6rem; text-indent: -2.6rem }
.story .time { color: var(--soft) }
.story .switch { color: light-dark(#6339b5, #c0a3ff) }
.story .end { color: var(--bad); font-weight: 600 }
details.plain { margin: 0.5rem 0 }
details.plain > summary { cursor: pointer; color: var(--soft) }
footer { margin-top: 3.5rem; padding-top: 1rem; border-top: 1px solid var(--line); font-size: 0.9rem;
  color: var(--soft) }

@media (max-width: 640px) {
  main { padding: 1.5rem 1rem 3rem }
  h1 { font-size: 1.55rem }
  .failures { list-style: none; padding: 0; margin: 0.75rem 0 }
.failures li { padding: 0.3rem 0.9rem; margin: 0.3rem 0; border-left: 3px solid var(--bad) }
.small { font-size: 0.85rem; margin-top: 0 }
.lead { font-size: 1.02rem }
  .facts { gap: 0.75rem 1.5rem }
  .property .inside { padding: 0 0.8rem 1rem }
  .property > summary { padding-left: 2rem }
  .property > summary::before { left: 0.8rem }
  .pairs div { grid-template-columns: minmax(0, 1fr); padding: 0.35rem 0 }
  .matrix { font-size: 0.8rem }
  .matrix tbody th { min-width: 10.5rem; padding: 0.3rem 0.5rem; text-indent: 0 }
  .matrix .id { display: block }
  .command { flex-direction: column; align-items: stretch }
  .bars { grid-template-columns: minmax(5rem, max-content) minmax(2rem, 1fr) max-content }
}
@media (prefers-reduced-motion: no-preference) {
  html { scroll-behavior: smooth }
}
@media print {
  :root { color-scheme: light }
  body { font-size: 11pt }
  main, .run-page main { max-width: none; padding: 0 }
  .filter, .controls, .command button, .keys { display: none !important }
  .scroll, .lanes, .list { overflow: visible !important }
  .matrix { font-size: 7.5pt }
  .matrix td { min-width: 0; padding: 0 }
  .matrix tbody th { padding: 0.2rem 0.3rem 0.2rem 3.5rem; min-width: 12rem }
  .property > summary::before { content: "" }
  details::details-content { content-visibility: visible !important; block-size: auto !important; display: block }
}
`.trim()
