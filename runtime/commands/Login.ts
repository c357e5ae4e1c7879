/** `muster login` and `muster logout`: begin and end a session that the other commands use. */
import { Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import * as Client from "../../core/http/Client.ts"
import { ExitStatus } from "../ExitStatus.ts"
import { printable } from "../Printable.ts"
import * as SecretInput from "../SecretInput.ts"
import * as Credentials from "./Credentials.ts"
import * as Remote from "./Remote.ts"
import { stored } from "./Session.ts"

const username = Flag.String("username").pipe(
  Flag.withDefault("admin"),
  Flag.withDescription("Who logs in; the password is asked for, or read from stdin or MUSTER_PASSWORD")
)

export const login = Command.make("login", { username, url: Remote.flags.url }, (given) =>
  Remote.withStranger(given.url, ({ ask, client, url }) =>
    Effect.gen(function* () {
      const password = yield* SecretInput.read(`Password of ${printable(given.username)}`, "MUSTER_PASSWORD")
      const granted = yield* ask(client.auth.login({ payload: { username: given.username, password } }))
      const session = Option.getOrUndefined(stored(granted))
      if (session === undefined) {
        return yield* new ExitStatus({ status: 1, message: `the console at ${url} gave no token` })
      }
      yield* Credentials.change(url, () => Effect.succeed(session))
      yield* Console.error(`muster: logged in at ${url} as ${printable(session.username)}, ${granted.user.role}`)
    })
  )
).pipe(Command.withDescription("Log in to a running console"))

/** Forgotten here whatever the console says: a session that it could not end ends by itself. */
export const logout = Command.make("logout", { url: Remote.flags.url }, (given) =>
  Remote.withRemote(given.url, ({ client, url }) =>
    Effect.gen(function* () {
      const session = yield* Credentials.read(url)
      if (session === undefined) return yield* Console.error(`muster: not logged in at ${url}`)
      const ended = yield* Effect.result(Effect.timeout(Client.typed(client.auth.logout()), Remote.answerMsMax))
      yield* Credentials.change(url, () => Effect.succeed(undefined))
      const isOver =
        ended._tag === "Success" ||
        (ended.failure._tag === "ConsoleRefused" && ended.failure.error.code === "unauthorized")
      if (isOver) return yield* Console.error(`muster: logged out at ${url}`)
      return yield* new ExitStatus({
        status: 1,
        message:
          `forgotten here, but the console at ${url} could not end the session: ` +
          `it lasts until ${session.session_expires}`
      })
    })
  )
).pipe(Command.withDescription("End the session with a running console"))
