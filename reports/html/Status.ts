/** The status of a property as it is shown: a word and a sign, so that nothing hangs on colour alone. */
import type { PropertyReport } from "../CheckReport.ts"
import { type Html, html } from "./Html.ts"

export type Status = PropertyReport["status"]

export const statusWords = {
  holds: "holds",
  failed: "fails",
  interrupted: "ended early",
  skipped: "not run"
} as const satisfies Record<Status, string>

const signs = { holds: "✓", failed: "✗", interrupted: "…", skipped: "○" } as const satisfies Record<Status, string>

export const badge = (status: Status): Html =>
  html`<span class="badge ${status}">${signs[status]} ${statusWords[status]}</span>`

/** A sign that leads to the property. */
export const signLink = ({ id, status }: PropertyReport): Html =>
  html`<a href="#${anchorOf(id)}" class="mark ${status}" aria-label="${id} ${statusWords[status]}">${signs[status]}</a>`

/** Where a property stands in the page. */
export const anchorOf = (id: string): string => `property-${id.replace(/[^\w.+-]/g, "_")}`
