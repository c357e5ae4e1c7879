/**
 * Who acts, and what that one may see and do. Pure: the same rules for the API, the hub and whatever else lets people
 * in.
 *
 * A role says which kinds of things may be done; limits say on which nodes and programs, and what they leave out is as
 * if it were not there.
 */
import { Context, Schema } from "effect"
import { matches } from "../fleet/Selection.ts"
import type { ProcessId } from "./Process.ts"

/** `viewer` looks, `operator` acts on processes too, `admin` also manages users, tokens and the configuration. */
export const Role = Schema.Literals(["viewer", "operator", "admin"])
export type Role = typeof Role.Type

const rank: Readonly<Record<Role, number>> = { viewer: 0, operator: 1, admin: 2 }

export const isAtLeast = (role: Role, needed: Role): boolean => rank[role] >= rank[needed]

export const lesserRole = (one: Role, other: Role): Role => (isAtLeast(one, other) ? other : one)

/** Patterns of one list, at most. */
export const patternsMax = 100

const Pattern = Schema.String.check(
  Schema.isPattern(/^[^\p{Cc}]{1,200}$/u, { message: "expected a pattern of 1 to 200 characters" })
)

const Patterns = Schema.Array(Pattern).check(
  Schema.isMaxLength(patternsMax, { message: `expected at most ${patternsMax} patterns` })
)

/**
 * What somebody is limited to; a list that is left out is no limit. `nodes` holds patterns of node names, `programs` of
 * `group:name`, with `*` for any characters.
 */
export const Limits = Schema.Struct({
  nodes: Schema.optionalKey(Patterns),
  programs: Schema.optionalKey(Patterns)
})
export type Limits = typeof Limits.Type

/** By what somebody has shown who they are. It stays the same while rights change. */
export type Credential =
  | { readonly _tag: "Session"; readonly sessionId: string }
  | { readonly _tag: "ApiToken"; readonly tokenId: string }
  | { readonly _tag: "Anonymous" }

/** Somebody who was let in, with the rights of this moment. */
export interface Principal {
  /** Name of the user; of an API token, of its owner; `anonymous` for one without either. */
  readonly username: string
  /** Undefined for nobody in particular. */
  readonly userId: string | undefined
  /** For people and the activity log: the user name, with the name of the token behind a `/`. */
  readonly actor: string
  readonly credential: Credential
  readonly role: Role
  /** Of the user; a token may have more of its own: all of them have to allow. */
  readonly limits: ReadonlyArray<Limits>
}

/** Who makes the current request; undefined where nobody does, as in the console's own work. */
export const CurrentPrincipal = Context.Reference<Principal | undefined>("core/domain/CurrentPrincipal", {
  defaultValue: () => undefined
})

/** Of somebody, what is needed to tell what that one sees. */
export type Limited = Pick<Principal, "limits">

/** It is there for whoever asked, but takes more rights than that one has. `message` says which. */
export class NotPermitted extends Schema.TaggedError<NotPermitted>()("NotPermitted", { message: Schema.String }) {}

const matchesOne = (patterns: ReadonlyArray<string> | undefined, text: string): boolean =>
  patterns === undefined || patterns.some((pattern) => matches(pattern, text))

/** Whether nothing is out of reach, so that nothing has to be looked at one by one. */
export const isUnlimited = ({ limits }: Limited): boolean =>
  limits.every(({ nodes, programs }) => nodes === undefined && programs === undefined)

/** Whether the node is there for this one. */
export const seesNode = ({ limits }: Limited, node: string): boolean =>
  limits.every(({ nodes }) => matchesOne(nodes, node))

/** Whether all processes of the node are, so that what concerns the whole node may be done. */
export const seesWholeNode = (principal: Limited, node: string): boolean =>
  seesNode(principal, node) && principal.limits.every(({ programs }) => programs === undefined)

/** Whether the process is there for this one. */
export const seesProcess = (principal: Limited, node: string, { group, name }: ProcessId): boolean =>
  seesNode(principal, node) && principal.limits.every(({ programs }) => matchesOne(programs, `${group}:${name}`))
