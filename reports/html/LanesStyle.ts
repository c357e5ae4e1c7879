/** How a picture of a run looks. */

export const lanesStyle = `
:root {
  --stretch: light-dark(#5f6b76, #8f9ba6);
  --start: light-dark(#5f6b76, #8f9ba6);
  --switch: light-dark(#6f42c1, #b99aff);
  --message: light-dark(#1b66c9, #6fa9ff);
  --fault: light-dark(#ad3907, #ff9a5c);
  --log: light-dark(#0b6f76, #53c5cd);
  --told: light-dark(#7a6200, #d9bd4a);
}
.viewer { margin: 1rem 0 0 }
.controls { display: flex; flex-wrap: wrap; gap: 0.5rem 1rem; align-items: center; margin: 0 0 0.6rem }
.controls .group { display: flex; align-items: stretch }
.controls .group button { border-radius: 0; margin-left: -1px }
.controls .group button:first-child { border-radius: 6px 0 0 6px; margin-left: 0 }
.controls .group button:last-child { border-radius: 0 6px 6px 0 }
.controls .group .what { display: flex; gap: 0.3rem; align-items: center; border: 1px solid var(--line);
  border-width: 1px 0;
  padding: 0 0.5rem; font-size: 0.9rem }
.controls .field { display: flex; gap: 0.4rem; align-items: center; font-size: 0.9rem; color: var(--soft) }
.controls .field > * { color: var(--ink) }
.controls select { max-width: 13rem }
.kinds { border: 0; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: 0.2rem 1rem; font-size: 0.9rem;
  flex-basis: 100% }
.kinds legend { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
.kinds label { display: inline-flex; gap: 0.3rem; align-items: center; cursor: pointer; min-height: 1.8rem }
.icon { width: 1rem; height: 1rem; flex: none }

.lanes { overflow: auto; max-height: 27rem; border: 1px solid var(--line); border-radius: 8px 8px 0 0;
  background: var(--panel);
  overscroll-behavior: contain }
.run-page .lanes { max-height: 46vh }
.lanes-size { min-width: 100% }
.lanes svg { position: sticky; top: 0; left: 0; display: block; cursor: pointer }
.lanes text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  fill: var(--ink) }
.lanes .names { fill: var(--panel) } .lanes .axis { fill: var(--faint) }
.lanes .edge, .lanes .tick { stroke: var(--line); stroke-width: 1 }
.lanes .life { stroke: var(--line); stroke-width: 2 }
.lanes .here { fill: var(--accent); opacity: 0.16 }
.lanes text.time { fill: var(--soft); font-size: 11px; font-variant-numeric: tabular-nums }
.lanes text.name.host { font-weight: 650 }
.lanes text.name.fiber { fill: var(--soft) }
.lanes text.name.current { fill: var(--accent); font-weight: 650 }
.lanes line.end { stroke-width: 3 }
.lanes .end.badly { stroke: var(--bad) } .lanes .end.well { stroke: var(--good) }
.lanes text.end { stroke: none; font-weight: 650 }
.lanes text.end.badly { fill: var(--bad) } .lanes text.end.well { fill: var(--good) }
.event .mark { fill: var(--kind) }
.event .way, .event .tip, .event .struck { stroke: var(--kind); stroke-width: 1.5; fill: none }
.event.start .way, .event.start .tip { opacity: 0.6; stroke-width: 1 }
.event .struck { opacity: 0.3; stroke-width: 10 }
.stretch { --kind: var(--stretch) } .start { --kind: var(--start) } .switch { --kind: var(--switch) }
.message { --kind: var(--message) } .fault { --kind: var(--fault) } .log { --kind: var(--log) } .told {
  --kind: var(--told) }

.now { border: 1px solid var(--line); border-top: 0; background: var(--faint); padding: 0.5rem 0.9rem;
  min-height: 4.4rem }
.now p { margin: 0; max-width: none }
.now .place { color: var(--soft); font-size: 0.85rem; font-variant-numeric: tabular-nums }
.now .words { max-height: 6.2rem; overflow-y: auto }
.now .kind { color: var(--kind); font-weight: 600 }
.list { --line-height: 30px; height: 22rem; overflow: auto; overflow-x: hidden; border: 1px solid var(--line);
  border-top: 0;
  border-radius: 0 0 8px 8px; background: var(--panel); overscroll-behavior: contain }
.run-page .list { height: max(16rem, 34vh) }
.list-size { position: relative }
.line { position: absolute; left: 0; right: 0; height: var(--line-height); display: grid; align-items: center;
  gap: 0 0.75rem;
  grid-template-columns: 1rem 5.5rem minmax(8rem, 18rem) minmax(0, 1fr); padding: 0 0.9rem; font-size: 0.88rem;
  cursor: pointer;
  white-space: nowrap }
.line:hover { background: var(--faint) }
.line.current { background: color-mix(in srgb, var(--accent) 16%, transparent); box-shadow: inset 3px 0 var(--accent) }
.line .time { color: var(--soft); text-align: right; font-variant-numeric: tabular-nums }
.line .lane { color: var(--soft) }
.line .lane, .line .text { overflow: hidden; text-overflow: ellipsis }
.line.fault .text, .line.switch .text { color: var(--kind) }
.events { font-size: 0.9rem }

@media (max-width: 640px) {
  .list { --line-height: 50px }
  .line { grid-template-columns: 1rem auto minmax(0, 1fr); grid-template-rows: auto auto; align-content: center;
    gap: 0 0.6rem }
  .line .text { grid-column: 2 / -1 }
  .controls { gap: 0.5rem }
  .controls .field { flex: 1 1 45% }
  .controls .field > * { min-width: 0; width: 100%; max-width: none }
  .lanes, .run-page .lanes { max-height: 40vh }
}
@media print {
  /* Beside the story, which tells the same in few words. */
  .picture { display: none }
  .lanes { display: none }
  .list { height: auto !important; border: 0 }
  .list-size { height: auto !important }
  .line { position: static; height: auto; white-space: normal; break-inside: avoid }
}
`.trim()
