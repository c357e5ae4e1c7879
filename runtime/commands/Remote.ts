/** What the commands against a running console have in common: where it is, and how its errors end a command. */
import { Effect, Option, type Scope } from "effect"
import { Flag } from "effect/cli"
import type { HttpClient } from "effect/http"
import * as Client from "../../core/http/Client.ts"
import type { ErrorCode } from "../../core/http/ErrorBody.ts"
import { ExitStatus } from "../ExitStatus.ts"
import * as NodeHttpClient from "../NodeHttpClient.ts"
import { printable } from "../Printable.ts"
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
  /** A call of the client; fails with the exit status of the command and a line for its user. */
  readonly ask: <A, R>(call: Effect.Effect<A, Client.Failure, R>, timeoutMs?: number) => Effect.Effect<A, ExitStatus, R>
}

/** Does something with the console that the flag, or the environment, names. */
export const withRemote = <A, R>(
  given: Option.Option<string>,
  use: (remote: Remote) => Effect.Effect<A, ExitStatus, R>
): Effect.Effect<A, ExitStatus, Exclude<Exclude<R, Scope.Scope>, HttpClient.HttpClient>> =>
  Effect.gen(function* () {
    const url = yield* urlOf(given)
    const client = yield* Client.make(url)
    const ask: Remote["ask"] = (call, timeoutMs = answerMsMax) =>
      Client.typed(call).pipe(
        Effect.mapError((error) => exitStatus(url, error)),
        Effect.timeoutOrElse({
          duration: timeoutMs,
          orElse: () => {
            const message = `no answer from the console at ${url} within ${timeoutMs / 1_000} s`
            return Effect.fail(new ExitStatus({ status: 1, message }))
          }
        })
      )
    return yield* use({ url, client, ask })
  }).pipe(Effect.scoped, Effect.provide(NodeHttpClient.layer()))

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
  "nothing_selected"
])

const exitStatus = (url: string, error: Client.ClientError): ExitStatus => {
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
