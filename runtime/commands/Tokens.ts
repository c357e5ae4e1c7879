/** `muster tokens ...`: API tokens of a running console, for administrators. */
import { Clock, Console, DateTime, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import type { ApiTokenView } from "../../core/domain/Account.ts"
import { printable } from "../Printable.ts"
import { cell, table } from "../Table.ts"
import type { Cell } from "../Table.ts"
import * as Remote from "./Remote.ts"
import * as RightsFlags from "./RightsFlags.ts"
import { durationOf, wrongUsage } from "./Usage.ts"

const heads = ["ID", "NAME", "OWNER", "ROLE", "LIMITS", "EXPIRES", "LAST USED"]

const row = (token: ApiTokenView): ReadonlyArray<Cell> => [
  cell(token.id),
  cell(token.name),
  cell(token.owner),
  cell(token.role),
  cell(RightsFlags.shownLimits(token.limits)),
  cell(token.expires ?? "never"),
  cell(token.last_used ?? "never")
]

const list = Command.make("list", Remote.flags, ({ json, url }) =>
  Remote.withRemote(url, ({ ask, client }) =>
    Effect.flatMap(ask(client.tokens.list()), ({ tokens: all }) =>
      Console.log(json ? JSON.stringify(all, undefined, 2) : table(heads, all.map(row)))
    )
  )
).pipe(Command.withDescription("List the API tokens, without their secrets"))

const expires = Flag.String("expires").pipe(
  Flag.optional,
  Flag.withDescription("When it ends: a time from now such as 12h or 90d, or 2030-01-31T12:00:00Z; default never")
)

const dayHours = 24

/** Days are not among the units of other flags: nothing else lasts so long. */
const expiryOf = (text: string) =>
  Effect.gen(function* () {
    if (/^\d{4}-/.test(text)) {
      return Option.isSome(DateTime.make(text)) ? text : yield* wrongUsage(`--expires is no time: ${printable(text)}`)
    }
    const days = /^(\d{1,6})d$/.exec(text)?.[1]
    const ms = yield* durationOf("--expires", days === undefined ? text : `${Number(days) * dayHours}h`)
    return DateTime.formatIso(DateTime.makeUnsafe((yield* Clock.currentTimeMillis) + ms))
  })

const create = Command.make(
  "create",
  { name: Argument.String("name"), role: RightsFlags.role, expires, ...RightsFlags.limits, ...Remote.flags },
  ({ expires: given, json, name, nodes, programs, role, url }) =>
    Remote.withRemote(url, ({ ask, client }) =>
      Effect.gen(function* () {
        const until = Option.isNone(given) ? {} : { expires: yield* expiryOf(given.value) }
        const limits = RightsFlags.limitsOf({ nodes, programs })
        const made = yield* ask(client.tokens.create({ payload: { name, role, limits, ...until } }))
        if (json) return yield* Console.log(JSON.stringify(made, undefined, 2))
        yield* Console.error(`muster: token ${made.id}; its secret is shown this once`)
        yield* Console.log(made.secret)
      })
    )
).pipe(Command.withDescription("Make an API token of your own, and print its secret"))

const remove = Command.make("remove", { id: Argument.String("id"), url: Remote.flags.url }, ({ id, url }) =>
  Remote.withRemote(url, ({ ask, client }) =>
    Effect.andThen(ask(client.tokens.remove({ params: { id } })), Console.log(`${printable(id)}: removed`))
  )
).pipe(Command.withDescription("Remove an API token, which lets nobody in from then on"))

export const tokens = Command.make("tokens").pipe(
  Command.withDescription("Manage the API tokens of a running console"),
  Command.withSubcommands([list, create, remove])
)
