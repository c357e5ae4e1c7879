/** Flags of what a user or a token may do and see. */
import { Option } from "effect"
import { Flag } from "effect/cli"
import { Role } from "../../core/domain/Access.ts"
import type { Limits } from "../../core/domain/Access.ts"

export const role = Flag.Literals("role", Role.literals).pipe(
  Flag.withDefault("viewer"),
  Flag.withDescription("viewer looks, operator also acts on processes, admin also manages users, tokens and settings")
)

export const limits = {
  nodes: Flag.String("nodes").pipe(
    Flag.optional,
    Flag.withDescription("Only nodes of these names, with commas between them and * for any characters: 'web-*,db-1'")
  ),
  programs: Flag.String("programs").pipe(
    Flag.optional,
    Flag.withDescription("Only programs of these names, in the same way: 'app:*'")
  )
}

const patterns = (text: Option.Option<string>): ReadonlyArray<string> | undefined =>
  Option.getOrUndefined(Option.map(text, (list) => list.split(",").map((each) => each.trim())))

export const limitsOf = (given: {
  readonly nodes: Option.Option<string>
  readonly programs: Option.Option<string>
}): Limits => {
  const [nodes, programs] = [patterns(given.nodes), patterns(given.programs)]
  return { ...(nodes === undefined ? {} : { nodes }), ...(programs === undefined ? {} : { programs }) }
}

/** In a column of a table. */
export const shownLimits = ({ nodes, programs }: Limits): string =>
  [
    ...(nodes === undefined ? [] : [`nodes ${nodes.join(",")}`]),
    ...(programs === undefined ? [] : [`programs ${programs.join(",")}`])
  ].join("; ")
