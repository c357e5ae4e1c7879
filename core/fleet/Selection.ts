/** Selecting processes of the fleet by names and patterns. Pure. */
import type { FleetSnapshot, NodeView } from "../domain/Node.ts"
import type { Selector } from "../domain/Operation.ts"
import type { ProcessId, ProcessInfo } from "../domain/Process.ts"

/** A process of the fleet. */
export interface Selected extends ProcessId {
  readonly node: string
}

/** The processes that match at least one selector, in the order of the fleet, each once. */
export const select = (fleet: FleetSnapshot, selectors: ReadonlyArray<Selector>): ReadonlyArray<Selected> =>
  fleet.nodes.flatMap(({ node, processes }) => {
    const here = selectors.filter((selector) => matchesNode(selector, node))
    return processes
      .filter((process) => here.some((selector) => matchesProcess(selector, process)))
      .map(({ group, name }) => ({ node: node.name, group, name }))
  })

/** A node without environment is in none: only a selector that does not ask for one selects it. */
const matchesNode = ({ environment, node: name }: Selector, node: NodeView): boolean =>
  (name === undefined || matches(name, node.name)) &&
  (environment === undefined || (node.environment !== undefined && matches(environment, node.environment)))

const matchesProcess = ({ group, name }: Selector, process: ProcessInfo): boolean =>
  (group === undefined || matches(group, process.group)) && (name === undefined || matches(name, process.name))

/**
 * Whether the whole text matches the pattern, in which `*` stands for any characters, also none. Each part between two
 * `*` is taken where it comes first, which never hides a match, so nothing is tried twice.
 */
export const matches = (pattern: string, text: string): boolean => {
  const [head = "", ...rest] = pattern.split("*")
  const tail = rest.pop()
  if (tail === undefined) return pattern === text
  if (!text.startsWith(head) || !text.endsWith(tail) || text.length < head.length + tail.length) return false
  const endsAt = text.length - tail.length
  let at = head.length
  for (const part of rest) {
    const found = text.indexOf(part, at)
    if (found < 0 || found + part.length > endsAt) return false
    at = found + part.length
  }
  return true
}
