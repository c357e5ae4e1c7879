/** What is different from an earlier result. */
import type { Comparison, MarkOfProperty } from "../Comparison.ts"
import { type Html, html, nothing } from "./Html.ts"
import { anchorOf } from "./Status.ts"

export const changes = (comparison: Comparison): Html => {
  const { added, against, gone, newlyFailing, newlyHolding, newlyReached, noLongerReached, slower } = comparison
  const seeds = against.seeds === undefined ? "" : `, up to ${against.seeds} runs each`
  const items = [
    item("bad", "Newly failing", newlyFailing.map(property)),
    item("good", "Newly holding", newlyHolding.map(property)),
    item("warn", "Marks no longer reached", noLongerReached.map(mark)),
    item("", "Marks newly reached", newlyReached.map(mark)),
    item(
      "warn",
      "Slower",
      slower.map(
        ({ beforeMs, nowMs, property: id }) =>
          html`${property(id)} (${beforeMs.toFixed(1)} ms a run before, ${nowMs.toFixed(1)} ms now)`
      )
    ),
    item("", "Checked now and not before", added.map(property)),
    item(
      "",
      "Checked before and not now",
      gone.map((id) => html`${id}`)
    )
  ]
  const hasChanges = items.some((each) => each !== nothing)
  return html` <section aria-labelledby="changes">
    <h2 id="changes">Since the earlier result</h2>
    <p class="soft">Against muster ${against.version}, seed ${against.seed}${seeds}.</p>
    ${
      hasChanges
        ? html`<ul class="changes">
            ${items}
          </ul>`
        : html`<p>Nothing has changed.</p>`
    }
  </section>`
}

/** Longer lists are folded: they tell more of the difference in size than of a change. */
const listedMax = 8

const item = (tone: string, what: string, of: ReadonlyArray<Html>): Html => {
  if (of.length === 0) return nothing
  const name = html`<strong class="${tone}">${what}:</strong>`
  const list = html`${of.map((each, i) => (i === 0 ? each : html`, ${each}`))}`
  return of.length <= listedMax
    ? html`<li>${name} ${list}</li> `
    : html`<li>
        <details>
          <summary>${name} ${of.length}</summary>
          ${list}
        </details>
      </li> `
}

const property = (id: string): Html => html`<a href="#${anchorOf(id)}">${id}</a>`

const mark = ({ mark: name, property: id }: MarkOfProperty): Html => html`${property(id)} “${name}”`
