/**
 * A schedule that is written out: the listed choices by their index, and the dullest everywhere else. The empty list
 * is the canonical run. Shrunk failures and the systematic search consist of such runs.
 */
import { decode, encode } from "../Script.ts"
import type { Listed } from "../Script.ts"
import type { Branches, Strategy } from "../Strategy.ts"

/** Decision points whose alternatives are kept. */
const pointsMax = 20_000

const prefix = "list-"

/** With `explore`, the run notes what it could have done otherwise after its last listed choice. */
export const listedSchedule = (listed: Listed, explore = false): Strategy => {
  const first = Math.max(-1, ...listed.keys()) + 1
  let noted: { readonly points: Array<number>; cut: boolean } = { points: [], cut: false }
  const branches = (): Branches => noted
  return {
    name: prefix + encode([listed]),
    begin: () => {
      noted = { points: [], cut: false }
      let index = 0
      return ({ current, resumed, runnable }) => {
        const i = index++
        if (explore && i >= first) {
          const options = resumed >= 0 ? 2 : current >= 0 ? runnable + 1 : runnable
          if (noted.points.length < pointsMax) {
            noted.points.push(2 * options + (resumed >= 0 || current >= 0 ? 1 : 0))
          } else noted.cut = true
        }
        if (listed.size === 0) return 0
        const value = listed.get(i) ?? 0
        if (value === 0) return 0
        const last = resumed >= 0 ? 1 : current >= 0 ? runnable : runnable - 1
        return value <= last ? value : 0
      }
    },
    ...(explore ? { branches } : {})
  }
}

/** The strategy of a name that `listedSchedule` gave, or undefined. */
export const parseListed = (name: string, explore = false): Strategy | undefined => {
  if (!name.startsWith(prefix)) return undefined
  const [listed, ...rest] = decode(name.slice(prefix.length)) ?? []
  return listed === undefined || rest.length > 0 ? undefined : listedSchedule(listed, explore)
}
