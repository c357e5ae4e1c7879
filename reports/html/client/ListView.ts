/** The events in words. Only the lines in sight are in the document. */
import type { Picture, PictureEvent } from "../../../sim/Picture.ts"
import { grouped, moment } from "../Quantities.ts"
import { kindNames, shapes, wordsOf } from "../Shapes.ts"
import { drawn, element } from "./Elements.ts"

/** Lines above and below those in sight, so that scrolling meets no gap. */
export const spareLines = 8

/** Lines that are printed at most, around the event that is looked at. */
export const printedLines = 1_000

export interface ListView {
  readonly picture: Picture
  readonly box: HTMLElement
  readonly sizer: HTMLElement
  shown: ReadonlyArray<number>
  /** Place in `shown`. */
  at: number
}

/** Pixels; the style decides, as narrow pages need two lines of text for each. */
export const lineHeight = ({ box }: ListView): number =>
  Number.parseFloat(getComputedStyle(box).getPropertyValue("--line-height"))

export const fitList = (view: ListView): void => {
  view.sizer.style.height = `${view.shown.length * lineHeight(view)}px`
}

/** Moves the event that is looked at into sight, if it is not. */
export const revealLine = (view: ListView): void => {
  const { at, box } = view
  const height = lineHeight(view)
  const top = at * height
  if (top < box.scrollTop) box.scrollTop = top
  else if (top + height > box.scrollTop + box.clientHeight) box.scrollTop = top + height - box.clientHeight
}

export const drawList = (view: ListView): void => {
  const height = lineHeight(view)
  const first = Math.floor(view.box.scrollTop / height) - spareLines
  drawLines(view, first, first + Math.ceil(view.box.clientHeight / height) + 2 * spareLines)
}

/** For paper there is no scrolling: as many lines as somebody could want to read. */
export const drawForPrint = (view: ListView): void => {
  const first = Math.max(0, Math.min(view.at - printedLines / 2, view.shown.length - printedLines))
  drawLines(view, first, first + printedLines)
}

export const drawLines = (view: ListView, from: number, to: number): void => {
  const height = lineHeight(view)
  const start = Math.max(0, from)
  const lines = view.shown.slice(start, Math.max(0, to)).flatMap((index, i) => {
    const event = view.picture.events[index]
    return event === undefined ? [] : [lineOf(view, event, start + i, height)]
  })
  view.sizer.replaceChildren(...lines)
  view.box.setAttribute("aria-activedescendant", `${view.box.id}-${view.at}`)
}

export const lineOf = (view: ListView, event: PictureEvent, place: number, height: number): HTMLElement => {
  const isHere = place === view.at
  const words = wordsOf(event, view.picture.lanes)
  const line = element("div", `line ${event.kind}${isHere ? " current" : ""}`)
  line.id = `${view.box.id}-${place}`
  line.style.top = `${place * height}px`
  line.dataset["place"] = String(place)
  line.setAttribute("role", "option")
  line.setAttribute("aria-selected", String(isHere))
  line.setAttribute("aria-posinset", String(place + 1))
  line.setAttribute("aria-setsize", String(view.shown.length))
  const icon = drawn("svg", { class: `icon event ${event.kind}`, viewBox: "-8 -8 16 16" })
  icon.setAttribute("role", "img")
  icon.setAttribute("aria-label", kindNames[event.kind])
  icon.append(drawn("path", { class: "mark", d: shapes[event.kind] }))
  const text = element("span", "text", words)
  text.title = words
  line.append(icon, element("span", "time", moment(event.atMs)), element("span", "lane", wayOf(view, event)), text)
  return line
}

/** `console`, or `console → web-1`. */
export const wayOf = ({ picture }: { readonly picture: Picture }, { lane, to }: PictureEvent): string => {
  const from = picture.lanes[lane]?.label ?? ""
  const target = to === undefined || to === lane ? "" : (picture.lanes[to]?.label ?? "")
  return target === "" ? from : `${from} → ${target}`
}

/** Where a reader stands: what a screen reader says at each step. */
export const placeText = ({ at, picture, shown }: ListView): string => {
  const event = picture.events[shown[at] ?? -1]
  if (event === undefined) return "No event passes this filter."
  const hidden = picture.events.length - shown.length
  const filteredOut = hidden === 0 ? "" : `, ${grouped(hidden)} filtered out`
  const place = `Event ${grouped(at + 1)} of ${grouped(shown.length)}${filteredOut}`
  return `${place} · step ${grouped(event.step)} · ${moment(event.atMs)}`
}
