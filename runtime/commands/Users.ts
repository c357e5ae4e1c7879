/** `muster users ...`: who may use a running console, for administrators. */
import { Console, Effect } from "effect"
import { Argument, Command } from "effect/cli"
import { Role } from "../../core/domain/Access.ts"
import { Username, type UserView } from "../../core/domain/Account.ts"
import { printable } from "../Printable.ts"
import * as SecretInput from "../SecretInput.ts"
import { cell, table } from "../Table.ts"
import type { Cell } from "../Table.ts"
import * as Remote from "./Remote.ts"
import * as RightsFlags from "./RightsFlags.ts"

const name = Argument.String("name").pipe(Argument.withSchema(Username))

const row = (user: UserView): ReadonlyArray<Cell> => [
  cell(user.username),
  cell(user.role),
  user.disabled ? cell("disabled", "red") : cell("enabled"),
  cell(RightsFlags.shownLimits(user.limits)),
  cell(user.last_login ?? "never")
]

const heads = ["USER", "ROLE", "STATUS", "LIMITS", "LAST LOGIN"]

const list = Command.make("list", Remote.flags, ({ json, url }) =>
  Remote.withRemote(url, ({ ask, client }) =>
    Effect.flatMap(ask(client.users.list()), ({ users }) =>
      Console.log(json ? JSON.stringify(users, undefined, 2) : table(heads, users.map(row)))
    )
  )
).pipe(Command.withDescription("List the users"))

/** What a change has come to. */
const shown = (json: boolean, user: UserView, words: string) =>
  Console.log(json ? JSON.stringify(user, undefined, 2) : `${printable(user.username)}: ${words}`)

/** Not MUSTER_PASSWORD: that is the one of whoever runs the command. */
const newPassword = (username: string) =>
  SecretInput.read(`New password of ${printable(username)}`, "MUSTER_NEW_PASSWORD")

const add = Command.make(
  "add",
  { name, role: RightsFlags.role, ...RightsFlags.limits, ...Remote.flags },
  ({ json, name: username, nodes, programs, role, url }) =>
    Remote.withRemote(url, ({ ask, client }) =>
      Effect.gen(function* () {
        const password = yield* newPassword(username)
        const limits = RightsFlags.limitsOf({ nodes, programs })
        const user = yield* ask(client.users.create({ payload: { username, password, role, limits } }))
        yield* shown(json, user, `added, ${user.role}`)
      })
    )
).pipe(Command.withDescription("Add a user; the password is asked for, or read from stdin or MUSTER_NEW_PASSWORD"))

const remove = Command.make("remove", { name, url: Remote.flags.url }, ({ name: username, url }) =>
  Remote.withRemote(url, ({ ask, client }) =>
    Effect.andThen(ask(client.users.remove({ params: { username } })), Console.log(`${printable(username)}: removed`))
  )
).pipe(Command.withDescription("Remove a user, with all sessions and API tokens"))

const turn = (command: "disable" | "enable", description: string) =>
  Command.make(command, { name, ...Remote.flags }, ({ json, name: username, url }) =>
    Remote.withRemote(url, ({ ask, client }) =>
      Effect.flatMap(
        ask(client.users.change({ params: { username }, payload: { disabled: command === "disable" } })),
        (user) => shown(json, user, `${command}d`)
      )
    )
  ).pipe(Command.withDescription(description))

const role = Command.make(
  "role",
  { name, role: Argument.Literals("role", Role.literals), ...Remote.flags },
  ({ json, name: username, role: next, url }) =>
    Remote.withRemote(url, ({ ask, client }) =>
      Effect.flatMap(ask(client.users.change({ params: { username }, payload: { role: next } })), (user) =>
        shown(json, user, user.role)
      )
    )
).pipe(Command.withDescription("Give a user another role"))

const password = Command.make("password", { name, ...Remote.flags }, ({ json, name: username, url }) =>
  Remote.withRemote(url, ({ ask, client }) =>
    Effect.gen(function* () {
      const next = yield* newPassword(username)
      const user = yield* ask(client.users.change({ params: { username }, payload: { password: next } }))
      yield* shown(json, user, "has a new password, and no session any more")
    })
  )
).pipe(Command.withDescription("Give a user another password, which ends the sessions of the user"))

export const users = Command.make("users").pipe(
  Command.withDescription("Manage the users of a running console"),
  Command.withSubcommands([
    list,
    add,
    remove,
    turn("disable", "Keep a user out, at once"),
    turn("enable", "Let a user in again"),
    role,
    password
  ])
)
