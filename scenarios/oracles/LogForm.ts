/**
 * Oracle: the log of the console, line by line. Pure but for what it records of requests.
 *
 * Whatever is logged on behalf of a request says so by an annotation that the oracle puts around everything, so that a
 * line which has lost the id of its request is found.
 */
import { Effect, Exit, Schema } from "effect"
import { HttpServerRequest } from "effect/http"
import type { ConsoleParts } from "../../core/Console.ts"

/** A request as it was seen from around the console. */
interface Seen {
  readonly method: string
  /** Undefined when nobody got an answer. */
  answer: { readonly id: string; readonly status: number } | undefined
}

export interface LogForm {
  /** The parts, with every request numbered. */
  readonly parts: ConsoleParts
  /** What is wrong with these lines; undefined for nothing. `secrets` must not be in any. */
  readonly wrongWith: (lines: ReadonlyArray<string>, secrets: Iterable<string>) => string | undefined
}

const mark = "outside"

const Line = Schema.Struct({
  time: Schema.String.check(Schema.isPattern(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)),
  level: Schema.Literals(["TRACE", "DEBUG", "INFO", "WARN", "ERROR"]),
  message: Schema.String,
  request_id: Schema.optionalKey(Schema.String),
  fiber: Schema.String,
  cause: Schema.optionalKey(
    Schema.Array(
      Schema.Struct({
        name: Schema.optionalKey(Schema.String),
        message: Schema.String,
        stack: Schema.optionalKey(Schema.String)
      })
    )
  ),
  context: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown)),
  spans_ms: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown))
})
type Line = typeof Line.Type

const decode = Schema.decodeUnknownResult(Schema.fromJsonString(Line), { onExcessProperty: "error" })

/** Ends a line for somebody, steers a terminal, or turns the reading direction. */
const disturbing = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/

/** Characters of a line; far more than anything but an attack has. */
const charactersMax = 100_000

export const watch = (parts: ConsoleParts): LogForm => {
  const requests: Array<Seen> = []
  return {
    parts: {
      ...parts,
      middleware: (app, options) =>
        Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ method }) => {
          const seen: Seen = { method, answer: undefined }
          const number = requests.push(seen)
          return parts.middleware(app, options).pipe(
            Effect.onExit((exit) =>
              Effect.sync(() => {
                if (Exit.isFailure(exit)) return
                seen.answer = { id: exit.value.headers["x-request-id"] ?? "", status: exit.value.status }
              })
            ),
            Effect.annotateLogs({ [mark]: number })
          )
        })
    },
    wrongWith: (lines, secrets) => {
      const told = new Map<number, number>()
      for (const text of lines) {
        const line = read(text, secrets)
        if (typeof line === "string") return line
        const number = line.context?.[mark]
        if (typeof number !== "number") continue
        const seen = requests[number - 1]
        const wrongly = seen === undefined ? "of no request" : wrongRequest(line, seen)
        if (wrongly !== undefined) return `${wrongly}: ${text}`
        if (isOfRequest(line)) told.set(number, (told.get(number) ?? 0) + 1)
      }
      for (const [index, { answer, method }] of requests.entries()) {
        const times = told.get(index + 1) ?? 0
        const isRight = answer === undefined ? times <= 1 : times === 1
        if (!isRight) return `${times} lines tell of the ${method} that was answered ${answer?.status ?? "nothing"}`
      }
      return undefined
    }
  }
}

/** What is wrong with the form of a line; undefined for nothing. `secrets` must not be in it. */
export const wrongLine = (text: string, secrets: Iterable<string>): string | undefined => {
  const line = read(text, secrets)
  return typeof line === "string" ? line : undefined
}

/** The line, or what is wrong with its form. */
const read = (text: string, secrets: Iterable<string>): Line | string => {
  const wrong = wrongText(text, secrets)
  if (wrong !== undefined) return `${wrong}: ${JSON.stringify(text)}`
  const decoded = decode(text)
  return decoded._tag === "Failure"
    ? `no line of the log: ${decoded.failure.message}: ${JSON.stringify(text)}`
    : decoded.success
}

const wrongText = (text: string, secrets: Iterable<string>): string | undefined => {
  if (disturbing.test(text)) return "more than a line"
  if (text.length > charactersMax) return "a line without an end"
  for (const secret of secrets) if (text.includes(secret)) return `a secret (${secret})`
  return undefined
}

/** It tells how a request ended. */
const isOfRequest = ({ context = {} }: Line): boolean => "method" in context && "status" in context

/** Of a line that was logged on behalf of a request. */
const wrongRequest = (line: Line, { answer, method }: Seen): string | undefined => {
  if (line.request_id === undefined) return "a line of a request without its id"
  if (answer !== undefined && line.request_id !== answer.id) return `the id of another request than ${answer.id}`
  if (!isOfRequest(line)) return undefined
  const { method: said, status } = line.context ?? {}
  if (said !== method) return `the method was ${method}`
  if (answer !== undefined && status !== answer.status) return `the status was ${answer.status}`
  const isDenied = status === 401 || status === 403
  return isDenied && line.level !== "INFO" ? "a refusal that is not told" : undefined
}
