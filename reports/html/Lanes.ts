/**
 * A picture of a run in a page: lanes of hosts and fibers, the events in words below, and controls to step through and
 * to filter. The script draws it from a block of data; without it the events are a plain list.
 */
import type { EventKind, Lane, Picture, PictureEvent } from "../../sim/Picture.ts"
import { dataBlock, html, nothing, type Html } from "./Html.ts"
import { counted, grouped, moment } from "./Quantities.ts"
import { kindNames, shapes, wordsOf } from "./Shapes.ts"

export interface LanesOptions {
  /** Unique in the page. */
  readonly id: string
  /** Where keys step through it: in the whole page, or only when the picture has the focus. */
  readonly keys: "page" | "picture"
}

export const lanes = (picture: Picture, { id, keys }: LanesOptions): Html =>
  html` <div class="viewer" id="${id}" data-viewer="${id}-data" data-keys="${keys}">
      <div class="live" data-part="live" hidden>
        ${controls(picture)}
        <div
          class="lanes"
          data-part="lanes"
          tabindex="0"
          role="region"
          aria-label="Lanes of hosts and fibers over virtual time"
        >
          <div class="lanes-size" data-part="lanes-size">
            <svg role="img" aria-label="What the list below says, drawn"></svg>
          </div>
        </div>
        <div class="now">
          <p class="place" data-part="place" aria-live="polite"></p>
          <p class="words" data-part="now" aria-live="polite"></p>
        </div>
        <div class="list" data-part="list" id="${id}-list" tabindex="0" role="listbox" aria-label="Events in words">
          <div class="list-size" data-part="list-size" role="presentation"></div>
        </div>
        ${omitted(picture)}
      </div>
      <noscript>
        <p class="soft">This page draws the lanes with a script, which does not run here. The events in words:</p>
        <ol class="events">
          ${picture.events.map((event) => inWords(event, picture.lanes))}
        </ol>
        ${omitted(picture)}
      </noscript>
    </div>
    ${dataBlock(`${id}-data`, picture)}`

const omitted = ({ omitted: count }: Picture): Html =>
  count === 0
    ? nothing
    : html`<p class="soft">
        ${counted(count, "event")} that ${count === 1 ? "says" : "say"} least ${count === 1 ? "is" : "are"} left out.
      </p>`

const controls = (picture: Picture): Html => {
  const isWell = picture.outcome === "done"
  return html` <div class="controls">
    <div class="group" role="group" aria-label="Step">
      ${button("first", "First", "Home")}${button("previous", "◀ Back", "←")}${button("next", "Next ▶", "→")}${button(
        "last",
        isWell ? "End" : "Failure",
        "End"
      )}
    </div>
    ${jumps(picture, "fault", "F")}${jumps(picture, "switch", "S")}
    <label class="field">Lane ${laneChoice(picture.lanes)}</label>
    <label class="field"
      >Find <input type="search" data-part="text" placeholder="in words and lanes" autocomplete="off"
    /></label>
    <fieldset class="kinds">
      <legend>Kinds of events that are shown</legend>
      ${kindsOf(picture).map(
        ({ count, kind }) =>
          html`<label
            ><input type="checkbox" name="kind" value="${kind}" checked />${icon(kind)} ${kindNames[kind]}
            <span class="soft">${grouped(count)}</span></label
          >`
      )}
    </fieldset>
  </div>`
}

const button = (command: string, label: string, key: string): Html =>
  html`<button type="button" data-do="${command}" title="Key ${key}">${label}</button>`

/** Buttons for the one before and the one after; none for what the run does not have. */
const jumps = ({ events }: Picture, kind: "fault" | "switch", key: string): Html =>
  events.some((event) => event.kind === kind)
    ? html`<div class="group" role="group" aria-label="Jump to a ${kind}">
        ${button(`previous-${kind}`, "◀", `Shift+${key}`)}<span class="what">${icon(kind)} ${kindNames[kind]}</span
        >${button(`next-${kind}`, "▶", key.toLowerCase())}
      </div>`
    : nothing

const laneChoice = (all: ReadonlyArray<Lane>): Html =>
  html`<select data-part="lane">
    <option value="-1">all ${grouped(all.length)}</option>
    ${all.map(
      ({ host, kind, label }, index) =>
        html`<option value="${index}">
          ${kind === "host" ? `${label} and its fibers` : host === "" ? label : `\u00a0\u00a0${label}`}
        </option>`
    )}
  </select>`

const kindsOf = ({ events }: Picture): ReadonlyArray<{ readonly kind: EventKind; readonly count: number }> => {
  const counts = new Map<EventKind, number>()
  for (const { kind } of events) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  return kindOrder.flatMap((kind) => {
    const count = counts.get(kind)
    return count === undefined ? [] : [{ kind, count }]
  })
}

/** What people look for first. */
const kindOrder: ReadonlyArray<EventKind> = ["fault", "switch", "message", "told", "log", "start", "stretch"]

const icon = (kind: EventKind): Html =>
  html`<svg class="icon event ${kind}" viewBox="-8 -8 16 16" aria-hidden="true">
    <path class="mark" d="${shapes[kind]}" />
  </svg>`

const inWords = (event: PictureEvent, all: ReadonlyArray<Lane>): Html => {
  const { atMs, kind, lane, to } = event
  const from = all[lane]?.label
  const target = to === undefined || to === lane ? undefined : all[to]?.label
  return html`<li>
    <span class="soft">${moment(atMs)} ${kindNames[kind]}</span>
    <strong>${from}${target === undefined ? "" : ` → ${target}`}</strong> ${wordsOf(event, all)}
  </li> `
}
