/** A failure: what went wrong, how to see it again, how it came about, and the run as a picture. */
import type { FailureReport } from "../CheckReport.ts"
import { type Html, html, nothing } from "./Html.ts"
import { lanes } from "./Lanes.ts"
import { counted, duration } from "./Quantities.ts"

/** `anchor` is unique in the page. */
export const failureSection = (failure: FailureReport, anchor: string): Html =>
  html` <p class="said" role="note">${failure.message}</p>
    <p>${found(failure)}</p>
    ${replays(failure, anchor)} ${story(failure)} ${orderings(failure)}
    ${
      failure.picture === undefined
        ? nothing
        : html`<div class="picture">
            <h4>The run as a picture</h4>
            <p class="soft">
              Click into it, and step with the arrow keys. A column is one event, the time is written above.
            </p>
            ${lanes(failure.picture, { id: `${anchor}-run`, keys: "picture" })}
          </div>`
    }`

const found = (failure: FailureReport): string => {
  const { deviations, run, seed, shrunkDeviations, shrunkSteps, steps, strategy } = failure
  const asFound = `Found in run ${run} (seed ${seed}${strategy === "" ? "" : `, ${strategy}`})`
  if (steps === 0) return `${asFound}.`
  const size = `${counted(steps, "step")} and ${counted(deviations, "choice")} off the dullest course`
  if (shrunkSteps === undefined || shrunkDeviations === undefined) return `${asFound}, after ${size}.`
  if (shrunkDeviations === 0) {
    const dullest = `the dullest run, of ${counted(shrunkSteps, "step")}, fails too`
    return `${asFound}, after ${size}. It needs none of them: ${dullest}.`
  }
  const least = failure.minimal === true ? ", of which none can be left out" : ""
  const shrunk = `${counted(shrunkSteps, "step")} and ${counted(shrunkDeviations, "choice")}${least}`
  return `${asFound}, after ${size}. Shrunk to ${shrunk}.`
}

const replays = ({ shrunkToken, token }: FailureReport, anchor: string): Html => {
  if (token === "") return html`<p>A run in the real world does not come back by a token.</p>`
  return html`<h4>See it again</h4>
    ${shrunkToken === undefined ? nothing : command(shrunkToken, `${anchor}-shrunk`, "the shrunk run")}
    ${command(token, `${anchor}-found`, "the run as it was found")}`
}

const command = (token: string, id: string, what: string): Html =>
  html`<div class="command">
      <code id="${id}">npx muster replay ${token}</code
      ><button type="button" data-copy="${id}" hidden aria-label="Copy the line that replays ${what}">Copy</button>
    </div>
    <p class="soft small">replays ${what}</p>`

const story = ({ story: text }: FailureReport): Html =>
  text === ""
    ? nothing
    : html`<h4>How it came about</h4>
        <div class="story">
          ${text.split("\n").map(
            (line) =>
              html`<p${storyClass(line)}>${line}</p>
`
          )}
        </div>`

/** Time that goes on, turns of the schedule, and the end stand out. */
const storyClass = (line: string): Html => {
  if (/^\s*\d+\. -- \d+ ms$/.test(line)) return html` class="time"`
  if (/^\s*\d+\. >> /.test(line)) return html` class="switch"`
  return line.startsWith("=> ") ? html` class="end"` : nothing
}

/** Of a minimal run each turn of the schedule is necessary: without it, the failure does not show. */
const orderings = ({ minimal, picture }: FailureReport): Html => {
  const needed = minimal === true ? (picture?.events.filter(({ kind }) => kind === "switch") ?? []) : []
  return needed.length === 0
    ? nothing
    : html`<h4>Orderings that it needs</h4>
        <p>The run without any one of these does not fail:</p>
        <ol>
          ${needed.map(
            ({ atMs, text }) =>
              html`<li>${text.replace(/^>> /, "")} <span class="soft">at ${duration(atMs)}</span></li> `
          )}
        </ol>`
}
