/** A page about one run: what `muster replay --html` writes. */
import type { Picture } from "../../sim/Picture.ts"
import { type Html, html, nothing } from "./Html.ts"
import { lanes } from "./Lanes.ts"
import { lanesStyle } from "./LanesStyle.ts"
import { page } from "./Layout.ts"
import { counted, duration } from "./Quantities.ts"
import { runScript } from "./Script.ts"
import { style } from "./Style.ts"

/** One file of HTML that needs nothing else. The same picture gives the same bytes. */
export const runPage = (picture: Picture, of: { readonly id: string; readonly title: string }): string =>
  page({
    title: `${of.id} ${of.title}: ${picture.outcome}`,
    kind: "run",
    style: `${style}\n${lanesStyle}`,
    script: runScript,
    body: html` <main>
      <header class="head">
        <p class="eyebrow">Run of ${of.id} ${of.title}</p>
        <h1 class="${picture.outcome === "done" ? "good" : "bad"}">${verdict(picture)}</h1>
        ${picture.message === "" ? nothing : html`<p class="said">${picture.message}</p>`}
        <p class="soft">
          ${counted(picture.steps, "step")} in ${duration(picture.virtualMs)} of virtual time,
          ${counted(picture.deviations, "choice")} off the dullest course.
        </p>
        ${details(picture)}
      </header>
      <h2 class="unseen">What happened</h2>
      ${lanes(picture, { id: "run", keys: "page" })}
      <p class="soft keys">
        Keys: <kbd>←</kbd> <kbd>→</kbd> step, <kbd>Home</kbd> <kbd>End</kbd> first and last, <kbd>f</kbd> next fault,
        <kbd>s</kbd> next switch, with <kbd>Shift</kbd> the one before. A column is one event: the distance between two
        says nothing about the time between them, which is written above.
      </p>
    </main>`
  })

const verdict = ({ outcome }: Picture): string => {
  switch (outcome) {
    case "done":
      return "The run ends well"
    case "failed":
      return "The run fails"
    case "deadlock":
      return "The run ends in a deadlock"
    case "step-limit":
      return "The run does not end within its steps"
    case "escaped":
      return "The run escapes from the simulator"
    default:
      return `The run ends: ${outcome}`
  }
}

const details = ({ notes, token, traceHash }: Picture): Html =>
  html`<details class="plain">
    <summary>Replay it, and what it drew</summary>
    <dl class="pairs">
      <div>
        <dt>Replay</dt>
        <dd><code>npx muster replay ${token}</code></dd>
      </div>
      <div>
        <dt>Trace hash</dt>
        <dd><code>${traceHash}</code></dd>
      </div>
      ${Object.entries(notes).map(
        ([name, value]) =>
          html`<div>
            <dt>${name}</dt>
            <dd>${value}</dd>
          </div>`
      )}
    </dl>
  </details>`
