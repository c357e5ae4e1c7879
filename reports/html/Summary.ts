/** All properties in a table, to be sorted and filtered. */
import type { CheckReport, PropertyReport } from "../CheckReport.ts"
import { type Html, html, nothing } from "./Html.ts"
import { duration, grouped } from "./Quantities.ts"
import { anchorOf, badge, type Status, statusWords } from "./Status.ts"

/** Fewer are seen at a glance. */
const filterFrom = 8

export const summary = ({ properties, world }: CheckReport): Html =>
  html` <section data-filtered aria-labelledby="properties">
    <h2 id="properties">Properties</h2>
    ${filter(properties)}
    <div class="scroll" tabindex="0" role="region" aria-labelledby="properties">
      <table class="summary" data-sortable>
        <thead>
          <tr>
            <th scope="col">Status</th>
            <th scope="col">Property</th>
            ${numberHeads(world).map((name) => html`<th scope="col" class="number">${name}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${properties.map((property) => row(property, world))}
        </tbody>
      </table>
    </div>
  </section>`

const numberHeads = (world: CheckReport["world"]): ReadonlyArray<string> => [
  "Runs",
  ...(world === "sim" ? ["Steps", "Virtual time", "Distinct traces"] : []),
  "Faults",
  "Marks",
  "Took"
]

const row = (property: PropertyReport, world: CheckReport["world"]): Html => {
  const { distinctTraces, faults, id, runs, sometimes, status, steps, title, unreached, virtualMs, wallMs } = property
  const reached = Object.keys(sometimes).length
  const marks = reached + unreached.length
  return html`<tr data-status="${status}">
    <td>${badge(status)}</td>
    <th scope="row"><a href="#${anchorOf(id)}">${id}</a> ${title}</th>
    ${number(runs)}${
      world === "sim" ? [number(steps), number(virtualMs, duration(virtualMs)), number(distinctTraces)] : nothing
    }${number(Object.values(faults).reduce((sum, times) => sum + times, 0))}${number(
      reached,
      marks === 0 ? "–" : `${reached} of ${marks}`
    )}${number(wallMs, duration(wallMs))}
  </tr> `
}

const number = (value: number, text = grouped(value)): Html =>
  html`<td class="number" data-value="${value}">${text}</td>`

const filter = (properties: ReadonlyArray<PropertyReport>): Html => {
  if (properties.length < filterFrom) return html`<div data-part="filter" hidden></div>`
  const statuses = new Set<Status>(properties.map(({ status }) => status))
  return html`<div class="filter" data-part="filter" hidden>
    <label>Find <input type="search" data-part="filter-text" autocomplete="off" /></label>
    <label
      >Status
      <select data-part="filter-status">
        <option value="">all</option>
        ${[...statuses].map((status) => html`<option value="${status}">${statusWords[status]}</option>`)}
      </select></label
    >
    <span class="soft" data-part="filter-left" aria-live="polite"></span>
  </div>`
}
