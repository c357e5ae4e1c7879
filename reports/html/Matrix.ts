/** Which requirement is held by which property, and how that went. */
import type { PropertyReport } from "../CheckReport.ts"
import { areas, type Requirement } from "../Requirements.ts"
import { type Html, html, nothing } from "./Html.ts"
import { anchorOf, signLink } from "./Status.ts"

export const matrix = (requirements: ReadonlyArray<Requirement>, properties: ReadonlyArray<PropertyReport>): Html => {
  const columns = properties.filter((property) => requirements.some(({ id }) => property.requirements.includes(id)))
  const isChecked = ({ id }: Requirement) => columns.some((property) => property.requirements.includes(id))
  const checked = requirements.filter(isChecked)
  const others = requirements.filter((requirement) => !isChecked(requirement))
  return html` <section aria-labelledby="requirements">
    <h2 id="requirements">Requirements</h2>
    <p>${checked.length} of ${requirements.length} requirements are checked by these properties.</p>
    ${checked.length === 0 ? nothing : table(checked, columns)} ${unchecked(others)}
  </section>`
}

const table = (checked: ReadonlyArray<Requirement>, columns: ReadonlyArray<PropertyReport>): Html =>
  html` <div class="scroll" tabindex="0" role="region" aria-labelledby="requirements">
    <table class="matrix">
      <thead>
        <tr>
          <th scope="col"><span class="unseen">Requirement</span></th>
          ${columns.map(
            ({ id, title }) =>
              html`<th scope="col" class="upright"><a href="#${anchorOf(id)}" title="${title}">${id}</a></th>`
          )}
        </tr>
      </thead>
      <tbody>
        ${checked.map((requirement, i) => row(requirement, columns, areaOf(requirement) !== areaOf(checked[i - 1])))}
      </tbody>
    </table>
  </div>`

const row = ({ id, text }: Requirement, columns: ReadonlyArray<PropertyReport>, isFirstOfArea: boolean): Html =>
  html`<tr${isFirstOfArea ? html` class="area"` : nothing}>
<th scope="row"><span class="id">${id}</span> <span class="text">${text}</span></th>
${columns.map((property) => html`<td>${property.requirements.includes(id) ? signLink(property) : nothing}</td>`)}
</tr>
`

/** `R1` of `R1.2`. */
const areaOf = (requirement: Requirement | undefined): string => requirement?.id.split(".")[0] ?? ""

const unchecked = (others: ReadonlyArray<Requirement>): Html =>
  others.length === 0
    ? nothing
    : html`<details class="plain">
        <summary>${others.length} not checked here</summary>
        <ul>
          ${areas.map(({ id: area, text: name }) => {
            const ofArea = others.filter((requirement) => areaOf(requirement) === area)
            return ofArea.length === 0
              ? nothing
              : html`<li>
                  ${name}
                  <ul>
                    ${ofArea.map(({ id, text }) => html`<li>${id} ${text}</li>`)}
                  </ul>
                </li> `
          })}
        </ul>
      </details>`
