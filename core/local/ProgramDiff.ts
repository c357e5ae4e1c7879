/** How two lists of programs differ, by program and by group. */
import { Equal } from "effect"
import { formatId } from "../domain/Process.ts"
import type { ConfigDiff } from "../domain/Update.ts"
import type { ProgramConfig } from "./ProgramConfig.ts"

type Programs = ReadonlyArray<ProgramConfig>

export interface ProgramDiff {
  /** There in both, and the same. */
  readonly kept: Programs
  /** As they shall be. */
  readonly added: Programs
  /** There in both, as they shall be. */
  readonly changed: Programs
  /** As they were. */
  readonly removed: Programs
}

/** What has to be done to come from one list to the other. Each has a program once; their order is no difference. */
export const diffPrograms = (before: Programs, after: Programs): ProgramDiff => {
  const old = new Map(before.map((config) => [formatId(config), config]))
  const wanted = new Set(after.map(formatId))
  const known = after.filter((config) => old.has(formatId(config)))
  const isSame = (config: ProgramConfig) => Equal.equals(old.get(formatId(config)), config)
  return {
    kept: known.filter(isSame),
    added: after.filter((config) => !old.has(formatId(config))),
    changed: known.filter((config) => !isSame(config)),
    removed: before.filter((config) => !wanted.has(formatId(config)))
  }
}

const groupsOf = (programs: Programs): ReadonlyArray<string> => [...new Set(programs.map(({ group }) => group))]

/** The same by groups, as supervisord's `reread` tells it: a group has changed when any of its programs differs. */
export const diffGroups = (before: Programs, after: Programs): ConfigDiff => {
  const [old, wanted] = [groupsOf(before), groupsOf(after)]
  const of = (programs: Programs, group: string) => programs.filter((program) => program.group === group)
  const isSame = (group: string) => {
    const { added, changed, removed } = diffPrograms(of(before, group), of(after, group))
    return added.length + changed.length + removed.length === 0
  }
  return {
    added: wanted.filter((group) => !old.includes(group)),
    changed: wanted.filter((group) => old.includes(group) && !isSame(group)),
    removed: old.filter((group) => !wanted.includes(group))
  }
}

/** Parts of the list with the same priority, those of the lowest number first. */
export const byPriority = <A extends { readonly config: ProgramConfig }>(
  programs: ReadonlyArray<A>
): ReadonlyArray<ReadonlyArray<A>> => {
  const priorities = [...new Set(programs.map(({ config }) => config.priority))].toSorted((a, b) => a - b)
  return priorities.map((priority) => programs.filter(({ config }) => config.priority === priority))
}
