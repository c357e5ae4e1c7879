/** What PCT says about the bugs that were not found, in words. */
import type { DepthBound } from "../CheckReport.ts"
import { type Html, html, nothing } from "./Html.ts"
import { atMost, counted } from "./Quantities.ts"

/** From here on a bound is no comfort, and saying a number would make it look like one. */
const saysNothingFrom = 0.95

export const chances = (bounds: ReadonlyArray<DepthBound>): Html => {
  const byProgram = Map.groupBy(bounds, ({ program }) => program)
  return bounds.length === 0
    ? nothing
    : html` <h4>What a bug could still hide behind</h4>
        ${Array.from(byProgram.values(), ofProgram)}
        <p class="soft">
          This is about bugs that the drawn values and faults can show at all, and that need no more fibers or points
          than these runs had.
        </p>`
}

const worlds = { focus: " over the part alone", whole: " over the whole console" } as const

const ofProgram = (bounds: ReadonlyArray<DepthBound>): Html => {
  const [first] = bounds
  if (first === undefined) return nothing
  const { fibers, points, program, runs } = first
  const silent = bounds.filter(saysNothing)
  return html`<p>
      By ${counted(runs, "run")} of PCT${program === undefined ? "" : worlds[program]}, with at most
      ${counted(fibers, "fiber")} and ${counted(points, "decision point")} each:
    </p>
    <ul>
      ${bounds.flatMap((bound) => (saysNothing(bound) ? [] : [html`<li>${inWords(bound)}</li> `]))}${
        silent.length === 0 ? nothing : html`<li>${sayingNothing(silent)}</li> `
      }
    </ul>`
}

const saysNothing = ({ missedAtMost }: DepthBound): boolean => missedAtMost >= saysNothingFrom

const inWords = ({ depth, missedAtMost }: DepthBound): string =>
  `A bug that needs ${counted(depth, "ordering")} would have been missed with a chance of at most ` +
  `${atMost(missedAtMost)}.`

const sayingNothing = (bounds: ReadonlyArray<DepthBound>): string => {
  const least = Math.min(...bounds.map(({ missedAtMost }) => missedAtMost))
  const depths = bounds.map(({ depth }) => String(depth))
  const [last = ""] = depths.slice(-1)
  const named = depths.length === 1 ? last : `${depths.slice(0, -1).join(", ")} or ${last}`
  return (
    `Of bugs that need ${named} ${named === "1" ? "ordering" : "orderings"} these runs say next to nothing: all of ` +
    `them could have missed one (the bound is ${least >= 1 ? "100 %" : `above ${Math.floor(least * 100)} %`}).`
  )
}
