/** Draws the part of the lanes that is in sight, at each scroll anew: however long the run, there is little to draw. */
import type { Picture, PictureEvent } from "../../../sim/Picture.ts"
import { moment } from "../Quantities.ts"
import { kindNames, shapes, wordsOf } from "../Shapes.ts"
import { drawn } from "./Elements.ts"
import { blockSize, extents, labelEvery, rowsOf, timeMarks } from "./Rows.ts"

/** Pixels. */
export const size = {
  column: 16,
  row: 22,
  axis: 28,
  /** The end of the run, after the last column. */
  end: 90,
  /** Room for a scroll bar. */
  bar: 20,
  labelWide: 210,
  labelNarrow: 118,
  narrowBelow: 640
} as const

export interface LanesView {
  readonly picture: Picture
  readonly box: HTMLElement
  readonly sizer: HTMLElement
  readonly svg: HTMLElement | SVGElement
  shown: ReadonlyArray<number>
  /** Place in `shown`. */
  at: number
  rows: ReadonlyArray<number>
  marks: ReturnType<typeof timeMarks>
  extents: ReturnType<typeof extents>
}

/** Width of the names of lanes. */
export const labelWidth = ({ box }: LanesView): number =>
  box.clientWidth < size.narrowBelow ? size.labelNarrow : size.labelWide

/** Other events are shown. */
export const fitLanes = (view: LanesView): void => {
  view.marks = timeMarks(view.picture, view.shown)
  view.extents = extents(view.picture, view.shown)
  view.sizer.style.width = `${labelWidth(view) + view.shown.length * size.column + size.end}px`
  // As high as the most rows need, so that the page stands still while the rows change.
  const blocks = Array.from({ length: Math.ceil(view.shown.length / blockSize) }, (_, block) => block)
  const rowsMost = Math.max(1, ...blocks.map((block) => rowsOf(view.picture, view.shown, block).length))
  view.box.style.height = `${size.axis + rowsMost * size.row + size.bar}px`
}

/** Moves the event that is looked at into sight, if it is not. */
export const revealColumn = (view: LanesView): void => {
  const { at, box } = view
  const left = labelWidth(view)
  const x = at * size.column
  const room = box.clientWidth - left
  if (x < box.scrollLeft + 2 * size.column || x > box.scrollLeft + room - 3 * size.column) {
    box.scrollLeft = Math.max(0, x - room / 2)
  }
  fitRows(view)
  const event = view.picture.events[view.shown[at] ?? -1]
  const y = size.axis + view.rows.indexOf(event?.lane ?? -1) * size.row
  if (y < box.scrollTop + size.axis || y + size.row > box.scrollTop + box.clientHeight) {
    box.scrollTop = Math.max(0, y - box.clientHeight / 2)
  }
}

/** The rows of what is in sight. */
export const fitRows = (view: LanesView): void => {
  const { box, picture, shown, sizer } = view
  const middle = (box.scrollLeft + (box.clientWidth - labelWidth(view)) / 2) / size.column
  view.rows = rowsOf(picture, shown, Math.floor(Math.min(middle, shown.length - 1) / blockSize))
  sizer.style.height = `${size.axis + view.rows.length * size.row + 4}px`
}

export const drawLanes = (view: LanesView): void => {
  fitRows(view)
  const { box, svg } = view
  const width = box.clientWidth
  const height = box.clientHeight
  svg.setAttribute("width", String(width))
  svg.setAttribute("height", String(height))
  const left = labelWidth(view)
  const inside = drawn("g", { transform: `translate(${left - box.scrollLeft},${-box.scrollTop})` })
  inside.append(...drawBackdrop(view), ...drawEvents(view), ...drawEnd(view))
  svg.replaceChildren(inside, ...drawTime(view), ...drawNames(view))
}

/** The columns in sight. */
export const columnsInSight = ({ box, shown }: LanesView): { readonly from: number; readonly to: number } => ({
  from: Math.max(0, Math.floor(box.scrollLeft / size.column) - 1),
  to: Math.min(shown.length, Math.ceil((box.scrollLeft + box.clientWidth) / size.column) + 1)
})

export const xOf = (column: number): number => (column + 0.5) * size.column

export const yOf = ({ rows }: LanesView, lane: number): number | undefined => {
  const row = rows.indexOf(lane)
  return row < 0 ? undefined : size.axis + (row + 0.5) * size.row
}

/** The column that is looked at, the passing of time, and how far each lane reaches. */
export const drawBackdrop = (view: LanesView): ReadonlyArray<SVGElement> => {
  const { from, to } = columnsInSight(view)
  const height = Math.max(size.axis + view.rows.length * size.row, view.box.clientHeight)
  const times = view.marks.flatMap(({ column }) =>
    column < from || column > to
      ? []
      : [drawn("line", { class: "tick", x1: column * size.column, x2: column * size.column, y1: 0, y2: height })]
  )
  const lines = view.rows.flatMap((lane) => {
    const extent = view.extents.get(lane)
    const y = yOf(view, lane)
    if (extent === undefined || y === undefined || extent.last < from || extent.first > to) return []
    const x1 = xOf(Math.max(extent.first, from))
    const x2 = xOf(Math.min(extent.last, to))
    return [drawn("line", { class: "life", x1, x2, y1: y, y2: y })]
  })
  const here = drawn("rect", { class: "here", x: view.at * size.column, y: 0, width: size.column, height, rx: 3 })
  return [here, ...times, ...lines]
}

export const drawEvents = (view: LanesView): ReadonlyArray<SVGElement> => {
  const { from, to } = columnsInSight(view)
  return view.shown.slice(from, to).flatMap((index, i) => {
    const event = view.picture.events[index]
    return event === undefined ? [] : [drawEvent(view, event, from + i)]
  })
}

/** One event: its mark, and if it leads to another lane, the way there. */
export const drawEvent = (view: LanesView, event: PictureEvent, column: number): SVGElement => {
  const { kind, lane, to } = event
  const x = xOf(column)
  const y = yOf(view, lane)
  const target = to === undefined || to === lane ? undefined : yOf(view, to)
  const isHere = column === view.at
  const group = drawn("g", { class: `event ${kind}${isHere ? " current" : ""}` })
  group.append(drawn("title", {}, `${moment(event.atMs)}, ${kindNames[kind]}: ${wordsOf(event, view.picture.lanes)}`))
  if (y === undefined) return group
  if (kind === "fault") {
    const bottom = size.axis + view.rows.length * size.row
    group.append(drawn("line", { class: "struck", x1: x, x2: x, y1: size.axis, y2: bottom }))
  }
  if (target !== undefined) {
    const tip = target > y ? target - 4 : target + 4
    const wing = target > y ? -5 : 5
    group.append(
      drawn("line", { class: "way", x1: x, x2: x, y1: y, y2: tip }),
      drawn("path", { class: "tip", d: `M${x - 4},${tip + wing}L${x},${tip}L${x + 4},${tip + wing}` })
    )
  }
  group.append(drawn("path", { class: "mark", d: shapes[kind], transform: `translate(${x},${y})` }))
  return group
}

/** The end of the run, after its last event. */
export const drawEnd = ({ box, picture, rows, shown }: LanesView): ReadonlyArray<SVGElement> => {
  const x = shown.length * size.column + 4
  if (x > box.scrollLeft + box.clientWidth) return []
  const height = Math.max(size.axis + rows.length * size.row, box.clientHeight)
  const kind = picture.outcome === "done" ? "well" : "badly"
  return [
    drawn("line", { class: `end ${kind}`, x1: x, x2: x, y1: 0, y2: height }),
    drawn("text", { class: `end ${kind}`, x: x + 6, y: box.scrollTop + 18 }, picture.outcome)
  ]
}

/** Virtual time above, which stays when the lanes are scrolled down. */
export const drawTime = (view: LanesView): ReadonlyArray<SVGElement> => {
  const { box, marks } = view
  const left = labelWidth(view)
  const { from, to } = columnsInSight(view)
  const x = (column: number) => left - box.scrollLeft + column * size.column
  const labels = marks.filter(({ column, isLabelled }) => isLabelled && column >= from && column <= to)
  // The time at the left edge is always told, in a long stay at one moment too.
  const edge = view.picture.events[view.shown[Math.ceil(box.scrollLeft / size.column)] ?? -1]
  const next = labels.find(({ column }) => x(column) >= left)
  const hasRoom = next === undefined || x(next.column) - left >= labelEvery * size.column
  const told = [
    ...(edge !== undefined && hasRoom ? [{ at: left, atMs: edge.atMs }] : []),
    ...labels.flatMap(({ atMs, column }) => (x(column) >= left ? [{ at: x(column), atMs }] : []))
  ]
  return [
    drawn("rect", { class: "axis", x: 0, y: 0, width: box.clientWidth, height: size.axis - 4 }),
    ...told.map(({ at, atMs }) => drawn("text", { class: "time", x: at + 3, y: 17 }, moment(atMs)))
  ]
}

/** The names of the lanes, which stay when they are scrolled along. */
export const drawNames = (view: LanesView): ReadonlyArray<SVGElement> => {
  const { box, picture, rows } = view
  const width = labelWidth(view)
  const charsMax = Math.floor((width - 22) / 6.4)
  const current = picture.events[view.shown[view.at] ?? -1]
  const rowsNames = rows.flatMap((lane, row) => {
    const y = size.axis + (row + 0.5) * size.row - box.scrollTop
    if (y < size.axis || y > box.clientHeight + size.row) return []
    const { kind, label } = picture.lanes[lane] ?? { kind: "host", label: "the run" }
    const text = label.length > charsMax ? `${label.slice(0, charsMax - 1)}…` : label
    const isCurrent = lane === current?.lane || lane === current?.to
    const attributes = { class: `name ${kind}${isCurrent ? " current" : ""}`, x: kind === "host" ? 8 : 16, y: y + 4 }
    return [drawn("text", attributes, drawn("title", {}, label), text)]
  })
  return [
    drawn("rect", { class: "names", x: 0, y: 0, width, height: box.clientHeight }),
    ...rowsNames,
    drawn("rect", { class: "axis", x: 0, y: 0, width, height: size.axis - 4 }),
    drawn("text", { class: "time", x: 8, y: 17 }, "virtual time"),
    drawn("line", { class: "edge", x1: width, x2: width, y1: 0, y2: box.clientHeight })
  ]
}
