/** One property: what it claims, what was tried, what was not reached, and what came of it. */
import type { CheckReport, PropertyReport } from "../CheckReport.ts"
import type { MutantResult } from "../MutantsReport.ts"
import type { Requirement } from "../Requirements.ts"
import { chances } from "./Chances.ts"
import { failureSection } from "./Failure.ts"
import { type Html, html, nothing } from "./Html.ts"
import { counted, duration, grouped } from "./Quantities.ts"
import { anchorOf, badge } from "./Status.ts"

export interface PropertyExtra {
  readonly world: CheckReport["world"]
  readonly requirements: ReadonlyArray<Requirement>
  /** Those that this property has to catch. */
  readonly mutants: ReadonlyArray<MutantResult>
}

/** Closed, unless it failed. Links lead inside, which opens it. */
export const propertySection = (property: PropertyReport, extra: PropertyExtra): Html => {
  const { bounds, failure, id, reason, runs, status, title } = property
  const anchor = anchorOf(id)
  return html` <details class="property" ${failure === undefined ? nothing : html` open`}>
    <summary>
      <h3>${id} ${title}</h3>
      ${badge(status)}<span class="soft">${counted(runs, "run")}</span>
    </summary>
    <div class="inside" id="${anchor}">
      ${reason === undefined ? nothing : html`<p class="note">${reason}</p>`}
      ${failure === undefined ? nothing : failureSection(failure, anchor)} ${claim(property, extra.requirements)}
      ${runs === 0 ? nothing : tried(property, extra.world)} ${bounds === undefined ? nothing : chances(bounds)}
      ${mutants(extra.mutants)}
    </div>
  </details>`
}

const claim = ({ requirements: ids }: PropertyReport, requirements: ReadonlyArray<Requirement>): Html => {
  const texts = new Map(requirements.map(({ id, text }) => [id, text]))
  return ids.length === 0
    ? nothing
    : html`<h4>What it holds the console to</h4>
        <ul>
          ${ids.map((id) => html`<li>${id} ${texts.get(id)}</li> `)}
        </ul>`
}

const tried = (property: PropertyReport, world: CheckReport["world"]): Html => {
  const { distinctTraces, faults, programs, runs, steps, traceHash, virtualMs, wallMs } = property
  const { focus = 0, whole = 0 } = programs ?? {}
  const worlds =
    programs === undefined ? "" : ` (${grouped(focus)} over the part alone, ${grouped(whole)} over the whole console)`
  const simulated =
    `${counted(runs, "run")}${worlds} of ${counted(steps, "step")} and ${duration(virtualMs)} of virtual time ` +
    `together, in ${duration(wallMs)}; ${counted(distinctTraces, "distinct trace")}.`
  return html`<h4>What was tried</h4>
    <p>${world === "sim" ? simulated : `${counted(runs, "episode")} in ${duration(wallMs)}.`}</p>
    ${bars(faults)} ${marks(property)}
    ${traceHash === "" ? nothing : html`<p class="soft">Trace hash <code>${traceHash}</code></p>`}`
}

/** How often each kind of fault was injected. */
const bars = (faults: PropertyReport["faults"]): Html => {
  const kinds = Object.entries(faults).toSorted(([, a], [, b]) => b - a)
  const most = kinds[0]?.[1] ?? 1
  return kinds.length === 0
    ? html`<p class="soft">No faults were injected.</p>`
    : html`<h4>Faults injected</h4>
        <ul class="bars">
          ${kinds.map(
            ([kind, times]) =>
              html`<li>
                <span>${kind}</span><span class="bar" style="width:${Math.round((100 * times) / most)}%"></span
                ><span class="count">${grouped(times)}</span>
              </li> `
          )}
        </ul>`
}

/** What was not reached comes first: it is what this sweep says nothing about. */
const marks = ({ sometimes, unreached }: PropertyReport): Html => {
  const reached = Object.entries(sometimes)
  return reached.length + unreached.length === 0
    ? nothing
    : html`<h4>States worth reaching: ${reached.length} of ${reached.length + unreached.length} reached</h4>
        <ul class="marks">
          ${unreached.map(
            (mark) =>
              html`<li class="warn">
                <span class="sign" aria-hidden="true">○</span>${mark} <span class="unseen">:</span> not reached
              </li> `
          )}${reached.map(
            ([mark, times]) =>
              html`<li>
                <span class="sign good" aria-hidden="true">✓</span>${mark}
                <span class="soft">${counted(times, "time")}</span>
              </li> `
          )}
        </ul>`
}

const mutants = (all: ReadonlyArray<MutantResult>): Html => {
  const caught = all.filter((mutant) => mutant.caught).length
  return all.length === 0
    ? nothing
    : html`<h4>Wrong versions of the code: ${caught} of ${all.length} caught</h4>
        <ul class="marks">
          ${all.map(
            (mutant) =>
              html`<li${mutant.caught ? nothing : html` class="bad"`}><span class="sign ${
                mutant.caught ? "good" : "bad"
              }" aria-hidden="true">${mutant.caught ? "✓" : "✗"}</span>${mutant.what} <span class="soft">${
                mutant.caught ? "caught after" : "not caught in"
              } ${counted(mutant.runs, "run")}</span></li>
`
          )}
        </ul>`
}
