/** What the commands against a running console have in common: where it is, and how its errors end a command. */
import { Effect, type FileSystem, Option, type Redacted, type Scope } from "effect"
import { Flag } from "effect/cli"
import { HttpClient } from "effect/http"
import * as Client from "../../core/http/Client.ts"
import type { ErrorCode } from "../../core/http/ErrorBody.ts"
import { ExitStatus } from "../ExitStatus.ts"
import * as NodeHttpClient from "../NodeHttpClient.ts"
import { printable } from "../Printable.ts"
import * as Session from "./Session.ts"
import { wrongUsage } from "./Usage.ts"

const urlDefault = "http://127.0.0.1:8080"

/** The longest wait for an answer that the console gives at once. */
export const answerMsMax = 30_000

/** Flags of every command against a console. */
export const flags = {
  url: Flag.String("url").pipe(
    Flag.optional,
    Flag.withDescription(`Where the console is; default MUSTER_URL from the environment, or ${urlDefault}`)
  ),
  json: Flag.Boolean("json").pipe(Flag.withDefault(false), Flag.withDescription("Print what the API answers, as JSON"))
}

/** A console to ask. */
export interface Remote {
  /** Without a `/` at its end. */
  readonly url: string
  readonly client: Client.Client
  /** For what is asked beside the client; undefined for nobody in particular. */
  readonly token: Redacted.Redacted | undefined
  /** A call of the client; fails with the exit status of the command and a line for its user. */
  readonly ask: <A, R>(call: Effect.Effect<A, Client.Failure, R>, timeoutMs?: number) => Effect.Effect<A, ExitStatus, R>
}

type Within<R> = Exclude<Exclude<R, Scope.Scope>, HttpClient.HttpClient> | FileSystem.FileSystem

/** Does something with the console that the flag, or the environment, names, in the name of whoever is logged in. */
export const withRemote = <A, R>(
  given: Option.Option<string>,
  use: (remote: Remote) => Effect.Effect<A, ExitStatus, R>
): Effect.Effect<A, ExitStatus, Within<R>> =>
  withConsole(given, (url) =>
    Effect.gen(function* () {
      const session = yield* Session.current(url)
      const http = yield* Session.authorized(url, session)
      const client = yield* Effect.provideService(Client.make(url), HttpClient.HttpClient, http)
      return yield* use({ url, client, token: session.token, ask: asking(url, session) })
    })
  )

/** The same for whoever has to log in first. */
export const withStranger = <A, R>(
  given: Option.Option<string>,
  use: (remote: Remote) => Effect.Effect<A, ExitStatus, R>
): Effect.Effect<A, ExitStatus, Within<R>> =>
  withConsole(given, (url) =>
    Effect.flatMap(Client.make(url), (client) =>
      use({ url, client, token: undefined, ask: asking(url, { kind: "login", token: undefined }) })
    )
  )

const withConsole = <A, R>(given: Option.Option<string>, use: (url: string) => Effect.Effect<A, ExitStatus, R>) =>
  Effect.flatMap(urlOf(given), use).pipe(Effect.scoped, Effect.provide(NodeHttpClient.layer()))

const asking =
  (url: string, session: Session.Session): Remote["ask"] =>
  (call, timeoutMs = answerMsMax) =>
    Client.typed(call).pipe(
      Effect.mapError((error) => exitStatus(url, session, error)),
      Effect.timeoutOrElse({
        duration: timeoutMs,
        orElse: () => {
          const message = `no answer from the console at ${url} within ${timeoutMs / 1_000} s`
          return Effect.fail(new ExitStatus({ status: 1, message }))
        }
      })
    )

const urlOf = (given: Option.Option<string>): Effect.Effect<string, ExitStatus> => {
  const text = Option.getOrElse(given, () => process.env["MUSTER_URL"] ?? urlDefault)
  const source = Option.isSome(given) ? "--url" : "MUSTER_URL"
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol)) {
    return wrongUsage(`${source} is no address of a console, expected one such as ${urlDefault}`)
  }
  // It could end up in a message, a log or the list of processes of this machine.
  if (url.username !== "" || url.password !== "") return wrongUsage(`${source} must hold no user name and no password`)
  return Effect.succeed(`${url.origin}${url.pathname}`.replace(/\/+$/, ""))
}

/** Errors that are a slip of whoever typed the command. */
const slips: ReadonlySet<ErrorCode> = new Set([
  "invalid_request",
  "unknown_node",
  "unknown_process",
  "unknown_batch",
  "unknown_user",
  "unknown_token",
  "username_taken",
  "password_refused",
  "nothing_selected"
])

/** Why nobody was let in, as what to do about it. */
const notLetIn: Readonly<Record<Session.Session["kind"], string>> = {
  login: "wrong user name or password",
  variable: "the console lets nobody in by the token in MUSTER_TOKEN",
  stored: "not logged in any more: muster login",
  none: "not logged in: muster login"
}

const exitStatus = (url: string, { kind }: Session.Session, error: Client.ClientError): ExitStatus => {
  switch (error._tag) {
    case "ConsoleUnreachable": {
      const message = `cannot reach a console at ${url}: ${error.detail}; --url or MUSTER_URL say where it is`
      return new ExitStatus({ status: 1, message: printable(message) })
    }
    case "AnswerNotUnderstood":
      return new ExitStatus({ status: 1, message: `${url} does not answer as a console: ${printable(error.detail)}` })
    case "ConsoleUnwell":
      return new ExitStatus({ status: 1, message: `the console is ${error.health.status}` })
    case "ConsoleRefused": {
      const { code, details = {}, message, request_id } = error.error
      if (code === "unauthorized") return new ExitStatus({ status: 1, message: notLetIn[kind] })
      const where = ["node", "group", "name", "id"].flatMap((field) => (field in details ? [details[field]] : []))
      const what = where.length === 0 ? "" : ` ${where.join(" ")}`
      const more = code === "internal" ? ` (request ${request_id})` : ""
      return new ExitStatus({
        status: slips.has(code) ? 2 : 1,
        message: printable(`${message}${what === "" ? "" : `:${what}`}${more}`)
      })
    }
  }
}
