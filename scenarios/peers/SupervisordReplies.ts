/** HTTP responses of a modelled supervisord, whole and spoilt. */
import { Effect, Result, Stream } from "effect"
import { HttpServerResponse } from "effect/http"
import type { Verdict } from "../../sim/Rules.ts"
import type { Answer } from "./SupervisordReply.ts"
import { BrokenOff } from "./SupervisordTail.ts"
import { writeFault, writeReply } from "./SupervisordXml.ts"

type Response = HttpServerResponse.HttpServerResponse

const reasons: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  404: "Not Found",
  411: "Length Required",
  500: "Internal Server Error"
}

/** The page that tells of an error. */
export const errorPage = (status: number): Response =>
  HttpServerResponse.text(`<h1>${status}</h1>\n<p>${reasons[status] ?? "Error"}\n`, {
    status,
    contentType: "text/html",
    ...(status === 401 ? { headers: { "www-authenticate": 'Basic realm="default"', connection: "close" } } : {})
  })

export const xml = (text: string): Response => HttpServerResponse.text(text, { contentType: "text/xml" })

/** The text of an answer; undefined for one that ends in an exception. */
export const answerText = (answer: Answer): string | undefined => {
  if (Result.isSuccess(answer)) return writeReply(answer.success)
  return answer.failure._tag === "Fault" ? writeFault(answer.failure.code, answer.failure.text) : undefined
}

const utf8 = new TextEncoder()

/** Quirk: an answer that had to be waited for announces its length in characters, and is cut to so many bytes. */
export const cutToCharacters = (text: string): Response => {
  const bytes = utf8.encode(text)
  if (bytes.length === text.length) return xml(text)
  let characters = 0
  for (const _ of text) characters++
  return HttpServerResponse.uint8Array(bytes.slice(0, characters), { contentType: "text/xml" })
}

/** Half of the text, after which the connection breaks although more was announced. */
export const breakOff = (text: string): Response => {
  const bytes = utf8.encode(text)
  const half = bytes.slice(0, bytes.length >> 1)
  return HttpServerResponse.stream(
    Stream.concat(Stream.make(half), Stream.fail(new BrokenOff({ why: "as a rule wants it" }))),
    { contentType: "text/xml", contentLength: bytes.length }
  )
}

/** Half of the text, as if it were all. */
export const cutShort = (text: string): Response => xml(text.slice(0, text.length >> 1))

/** What a rule makes of an exchange; undefined when it goes on. `text` is the reply that it would have. */
export const obey = (verdict: Verdict, text: string): Effect.Effect<Response | undefined> => {
  switch (verdict._tag) {
    case "pass":
      return Effect.undefined
    case "delay":
      return Effect.as(Effect.sleep(verdict.ms), undefined)
    case "drop":
      return Effect.never
    case "corrupt":
      return Effect.succeed(cutShort(text))
    case "refuse":
    case "reset":
      return Effect.succeed(breakOff(text))
    case "fail":
      return Effect.succeed(failure(verdict.code))
  }
}

/** A status of HTTP, or the fault by its name. */
const failure = (code: string): Response => {
  if (/^\d{3}$/.test(code)) return errorPage(Number(code))
  return xml(code === "SHUTDOWN_STATE" ? writeFault(6, code) : writeFault(30, `FAILED: ${code}`))
}
