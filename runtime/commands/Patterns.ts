/**
 * Processes as they are named on a command line.
 *
 * `node/group:name`, where `*` in any part stands for any characters. `node/name` without a group means every process
 * of a matching name if it holds a `*`, and one process otherwise: the one whose group has the same name, or else the
 * only one of that name.
 */
import { Effect } from "effect"
import type { BatchItem, Selector } from "../../core/domain/Operation.ts"
import { batchLimits } from "../../core/domain/Operation.ts"
import type { ExitStatus } from "../ExitStatus.ts"
import { printable } from "../Printable.ts"
import { wrongUsage } from "./Usage.ts"

export interface Pattern {
  readonly text: string
  readonly node: string
  /** Undefined when only a name is given. */
  readonly group: string | undefined
  readonly name: string
}

/** A process that the console has. */
export type Found = Pick<BatchItem, "node" | "group" | "name">

/** The pattern that a word of the command line is. */
export const parsePattern = (text: string): Effect.Effect<Pattern, ExitStatus> => {
  const [, node, group, name] = /^([^/:]+)\/(?:([^/:]+):)?([^/:]+)$/.exec(text) ?? []
  return node === undefined || name === undefined
    ? wrongUsage(
        `${printable(JSON.stringify(text))} is no process, expected node/group:name, with * for any characters`
      )
    : Effect.succeed({ text, node, group, name })
}

/** What asks the console for all processes that the pattern can mean. */
export const selectorOf = ({ group, name, node }: Pattern): Selector => ({
  node,
  ...(group === undefined ? {} : { group }),
  name
})

/**
 * Selects what the patterns mean, of the processes that the console has found for all of them together. A pattern that
 * means nothing, or more than it may, is wrong usage.
 */
export const resolve = (
  patterns: ReadonlyArray<Pattern>,
  found: ReadonlyArray<Found>
): Effect.Effect<ReadonlyArray<Selector>, ExitStatus> =>
  Effect.gen(function* () {
    const selectors = (yield* Effect.forEach(patterns, (pattern) => resolveOne(pattern, found))).flat()
    return selectors.length > batchLimits.selectorsMax
      ? yield* wrongUsage(
          `${selectors.length} processes are named one by one; name at most ${batchLimits.selectorsMax}`
        )
      : selectors
  })

const resolveOne = (
  pattern: Pattern,
  found: ReadonlyArray<Found>
): Effect.Effect<ReadonlyArray<Selector>, ExitStatus> => {
  const matching = found.filter(
    ({ group, name, node }) =>
      matches(pattern.node, node) && matches(pattern.name, name) && matches(pattern.group ?? "*", group)
  )
  if (matching.length === 0) return wrongUsage(`no process matches ${printable(pattern.text)}`)
  if (pattern.group !== undefined || pattern.name.includes("*")) return Effect.succeed([selectorOf(pattern)])
  const byNode = Map.groupBy(matching, ({ node }) => node)
  return Effect.forEach(byNode.values(), (candidates) => {
    const [only, ...others] = candidates
    const own = candidates.find(({ group, name }) => group === name)
    if (own !== undefined) return Effect.succeed(idOf(own))
    if (only !== undefined && others.length === 0) return Effect.succeed(idOf(only))
    const names = candidates.map(({ group, name, node }) => `${node}/${group}:${name}`).join(", ")
    return wrongUsage(printable(`${pattern.text} can be any of ${names}`))
  })
}

const idOf = ({ group, name, node }: Found): Selector => ({ node, group, name })

/** Whether a text matches a pattern with `*` for any characters. Goes over both once, however many `*` there are. */
export const matches = (pattern: string, text: string): boolean => {
  const [first = "", ...rest] = pattern.split("*")
  const last = rest.pop()
  if (last === undefined) return pattern === text
  if (!text.startsWith(first)) return false
  let at = first.length
  for (const part of rest) {
    const next = text.indexOf(part, at)
    if (next < 0) return false
    at = next + part.length
  }
  return text.length - last.length >= at && text.endsWith(last)
}
