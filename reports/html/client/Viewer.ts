/** A picture that can be stepped through: by buttons, by keys, by a click in the lanes or in the list. */
import type { Picture } from "../../../sim/Picture.ts"
import { kindNames, wordsOf } from "../Shapes.ts"
import { element, part } from "./Elements.ts"
import { filtered, nextOfKind, type Filter } from "./Filter.ts"
import { drawLanes, fitLanes, labelWidth, type LanesView, revealColumn, size } from "./LanesView.ts"
import { drawForPrint, drawList, fitList, type ListView, placeText, revealLine, wayOf } from "./ListView.ts"

export interface Viewer {
  readonly root: HTMLElement
  readonly picture: Picture
  readonly lanes: LanesView
  readonly list: ListView
  readonly place: HTMLElement
  readonly now: HTMLElement
}

export const startViewers = (): void => {
  for (const root of document.querySelectorAll("[data-viewer]")) {
    if (root instanceof HTMLElement) startViewer(root)
  }
}

export const isPicture = (value: unknown): value is Picture =>
  typeof value === "object" && value !== null && "events" in value && "lanes" in value

export const pictureOf = (root: HTMLElement): Picture => {
  const data: unknown = JSON.parse(document.getElementById(root.dataset["viewer"] ?? "")?.textContent ?? "null")
  if (isPicture(data)) return data
  throw new Error("the page has no data for this picture")
}

export const startViewer = (root: HTMLElement): void => {
  const picture = pictureOf(root)
  const lanesBox = part(root, "lanes")
  const svg = lanesBox.querySelector("svg")
  if (svg === null) throw new Error("the page has no place to draw")
  const lanes: LanesView = {
    picture,
    box: lanesBox,
    sizer: part(root, "lanes-size"),
    svg,
    shown: [],
    at: 0,
    rows: [],
    marks: [],
    extents: new Map()
  }
  const list: ListView = { picture, box: part(root, "list"), sizer: part(root, "list-size"), shown: [], at: 0 }
  const viewer: Viewer = { root, picture, lanes, list, place: part(root, "place"), now: part(root, "now") }
  part(root, "live").hidden = false
  listen(viewer)
  show(viewer, filterOf(viewer))
  // A failure is read from its end.
  select(viewer, picture.outcome === "done" ? 0 : list.shown.length - 1)
}

/** What the controls say. */
export const filterOf = ({ root }: Viewer): Filter => {
  const kinds = [...root.querySelectorAll("input[name=kind]")].flatMap((box) =>
    box instanceof HTMLInputElement && box.checked ? [box.value] : []
  )
  const lane = part(root, "lane")
  const text = part(root, "text")
  return {
    kinds: new Set(kinds),
    lane: lane instanceof HTMLSelectElement ? Number(lane.value) : -1,
    text: text instanceof HTMLInputElement ? text.value : ""
  }
}

/** Shows what passes the filter; stays at the event that was looked at, or goes to the next one that is left. */
export const show = (viewer: Viewer, filter: Filter): void => {
  const { lanes, list, picture } = viewer
  const before = list.shown[list.at] ?? 0
  const shown = filtered(picture, filter)
  lanes.shown = shown
  list.shown = shown
  fitLanes(lanes)
  fitList(list)
  const next = shown.findIndex((index) => index >= before)
  select(viewer, next < 0 ? shown.length - 1 : next)
}

export const select = (viewer: Viewer, place: number): void => {
  const { lanes, list, now, picture } = viewer
  const at = Math.max(0, Math.min(place, list.shown.length - 1))
  lanes.at = at
  list.at = at
  revealColumn(lanes)
  revealLine(list)
  redraw(viewer)
  viewer.place.textContent = placeText(list)
  const event = picture.events[list.shown[at] ?? -1]
  now.replaceChildren()
  if (event === undefined) return
  const way = wayOf(viewer, event)
  now.append(
    element("span", `kind ${event.kind}`, kindNames[event.kind]),
    ...(way === "" ? [] : [" ", element("strong", "", way)]),
    " ",
    element("span", "", wordsOf(event, picture.lanes))
  )
}

export const redraw = ({ lanes, list }: Viewer): void => {
  drawLanes(lanes)
  drawList(list)
}

/** Commands by the name of their button. */
export const act = (viewer: Viewer, command: string): void => {
  const { list, picture } = viewer
  const jump = (kind: string, by: 1 | -1) => {
    const place = nextOfKind(picture, list.shown, { at: list.at, by, kind })
    if (place === undefined) viewer.place.textContent = `There is no ${kind} ${by > 0 ? "after" : "before"} this event.`
    else select(viewer, place)
  }
  if (command === "next") select(viewer, list.at + 1)
  else if (command === "previous") select(viewer, list.at - 1)
  else if (command === "first") select(viewer, 0)
  else if (command === "last") select(viewer, list.shown.length - 1)
  else if (command === "next-fault") jump("fault", 1)
  else if (command === "previous-fault") jump("fault", -1)
  else if (command === "next-switch") jump("switch", 1)
  else if (command === "previous-switch") jump("switch", -1)
}

export const keys = {
  ArrowRight: "next",
  ArrowLeft: "previous",
  Home: "first",
  End: "last",
  f: "next-fault",
  "Shift+f": "previous-fault",
  s: "next-switch",
  "Shift+s": "previous-switch"
} as const

export const listKeys = { ArrowDown: "next", ArrowUp: "previous" } as const

/** The command of a key; undefined for a key that means something where it was pressed, or nothing. */
export const commandOf = (viewer: Viewer, event: KeyboardEvent): string | undefined => {
  if (event.ctrlKey || event.metaKey || event.altKey) return undefined
  const { target } = event
  if (target instanceof HTMLSelectElement) return undefined
  if (target instanceof HTMLInputElement && target.type !== "checkbox") return undefined
  const inList = target instanceof Node && viewer.list.box.contains(target)
  const commands: ReadonlyMap<string, string> = new Map(Object.entries(inList ? { ...keys, ...listKeys } : keys))
  // Letters count in either case, as they do under Caps Lock.
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key
  return commands.get(event.shiftKey ? `Shift+${key}` : key)
}

export const listen = (viewer: Viewer): void => {
  const { lanes, list, root } = viewer
  for (const button of root.querySelectorAll("button[data-do]")) {
    if (button instanceof HTMLElement) {
      button.addEventListener("click", () => act(viewer, button.dataset["do"] ?? ""))
    }
  }
  for (const control of root.querySelectorAll("input, select")) {
    control.addEventListener("input", () => show(viewer, filterOf(viewer)))
  }
  // A page about one run needs no focus to be stepped through.
  const listensTo = root.dataset["keys"] === "page" ? document : root
  listensTo.addEventListener("keydown", (event) => {
    const command = event instanceof KeyboardEvent ? commandOf(viewer, event) : undefined
    if (command === undefined) return
    event.preventDefault()
    act(viewer, command)
  })
  lanes.box.addEventListener("click", ({ clientX }) => {
    const x = clientX - lanes.box.getBoundingClientRect().left - labelWidth(lanes)
    if (x >= 0) select(viewer, Math.floor((x + lanes.box.scrollLeft) / size.column))
  })
  list.box.addEventListener("click", ({ target }) => {
    const line = target instanceof Element ? target.closest(".line") : null
    if (line instanceof HTMLElement) select(viewer, Number(line.dataset["place"]))
  })
  listenToSight(viewer)
}

/** Draws again when something else comes into sight, once a frame at most. */
export const listenToSight = (viewer: Viewer): void => {
  const { lanes, list, root } = viewer
  let isWaiting = false
  const later = () => {
    if (isWaiting) return
    isWaiting = true
    requestAnimationFrame(() => {
      isWaiting = false
      redraw(viewer)
    })
  }
  lanes.box.addEventListener("scroll", later, { passive: true })
  list.box.addEventListener("scroll", later, { passive: true })
  // Other widths have other sizes; and a picture in a closed section has no size until it is opened.
  let width = -1
  new ResizeObserver(() => {
    if (root.clientWidth === width) return
    width = root.clientWidth
    fitLanes(lanes)
    fitList(list)
    select(viewer, list.at)
  }).observe(root)
  window.addEventListener("beforeprint", () => drawForPrint(list))
  window.addEventListener("afterprint", () => redraw(viewer))
}
