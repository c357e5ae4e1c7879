/** Which events of a picture are shown. */
import type { Lane, Picture, PictureEvent } from "../../../sim/Picture.ts"

export interface Filter {
  readonly kinds: ReadonlySet<string>
  /** Index of a lane; of a host, its fibers belong to it. -1 for all. */
  readonly lane: number
  /** Somewhere in the words of the event or the names of its lanes. */
  readonly text: string
}

/** Indices of the events that are shown, in their order. */
export const filtered = ({ events, lanes }: Picture, { kinds, lane, text }: Filter): ReadonlyArray<number> => {
  const wanted = lanesOf(lanes, lane)
  const sought = text.trim().toLowerCase()
  const isShown = (event: PictureEvent): boolean =>
    kinds.has(event.kind) &&
    (wanted === undefined || wanted.has(event.lane) || (event.to !== undefined && wanted.has(event.to))) &&
    (sought === "" || whole(event, lanes).includes(sought))
  return events.flatMap((event, index) => (isShown(event) ? [index] : []))
}

/** The lanes that one stands for; undefined for all. */
export const lanesOf = (lanes: ReadonlyArray<Lane>, choice: number): ReadonlySet<number> | undefined => {
  const chosen = lanes[choice]
  if (chosen === undefined) return undefined
  if (chosen.kind === "fiber") return new Set([choice])
  return new Set(lanes.flatMap(({ host }, index) => (host === chosen.host ? [index] : [])))
}

export const whole = ({ kind, lane, text, to }: PictureEvent, lanes: ReadonlyArray<Lane>): string =>
  [text, kind, lanes[lane]?.label ?? "", to === undefined ? "" : (lanes[to]?.label ?? "")].join(" ").toLowerCase()

/** The place in `shown` of the next event of a kind, seen from another place; undefined when there is none. */
export const nextOfKind = (
  { events }: Picture,
  shown: ReadonlyArray<number>,
  { at, by, kind }: { readonly at: number; readonly by: 1 | -1; readonly kind: string }
): number | undefined => {
  for (let place = at + by; place >= 0 && place < shown.length; place += by) {
    if (events[shown[place] ?? -1]?.kind === kind) return place
  }
  return undefined
}
