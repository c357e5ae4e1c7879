/** How each kind of event looks, in the lanes, in the list and in the legend: a shape of its own, not only a colour. */
import type { EventKind, Lane, PictureEvent } from "../../sim/Picture.ts"

/** Paths of an SVG about 12 wide, around the origin. */
export const shapes = {
  stretch: "M-5,-3.5h10v7h-10z",
  switch: "M0,-6L6,0L0,6L-6,0z",
  start: "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0z",
  message: "M-6,-2h5v-3.5l7,5.5l-7,5.5v-3.5h-5z",
  fault: "M0,-6.5L6.5,5.5H-6.5z",
  log: "M-5,-5h10v2h-10zM-5,-1h10v2h-10zM-5,3h6v2h-6z",
  told: "M-6,-5h12v8h-6l-3,3v-3h-3z"
} as const satisfies Record<EventKind, string>

/** In the words of a legend. */
export const kindNames = {
  stretch: "work",
  switch: "switch",
  start: "start",
  message: "message",
  fault: "fault",
  log: "log",
  told: "told"
} as const satisfies Record<EventKind, string>

/**
 * What happened, without the names of its lanes where they stand at the beginning. Of work that touched nothing outside
 * of its fiber there is only the length to tell.
 */
export const wordsOf = ({ lane, steps, text, to }: PictureEvent, lanes: ReadonlyArray<Lane>): string => {
  if (text === "" && steps !== undefined) return `${steps} ${steps === 1 ? "step" : "steps"} of its own`
  const way = to === undefined ? "" : `${lanes[lane]?.label} -> ${lanes[to]?.label}: `
  return way !== "" && text.startsWith(way) ? text.slice(way.length) : text
}
