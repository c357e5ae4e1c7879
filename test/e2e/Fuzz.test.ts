/**
 * A console under requests drawn from its own OpenAPI description and broken on purpose: no answer that is a bug, every
 * error in the one shape, and no secret in an answer or a log line. Afterwards it is well and ends in order.
 *
 * `MUSTER_FUZZ_REQUESTS=50000 npx vitest run test/e2e/Fuzz.test.ts` sends more than the few of every day;
 * MUSTER_FUZZ_SEED draws others.
 */
import { Agent, request as httpRequest } from "node:http"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as fc from "fast-check"
import { ErrorBody, statusByCode } from "../../core/http/ErrorBody.ts"
import { type FuzzedRequest, OpenApi, requests } from "../support/ApiFuzz.ts"
import { start } from "../support/RealConsole.ts"

const count = Number(process.env["MUSTER_FUZZ_REQUESTS"] ?? 1_500)
const seed = Number(process.env["MUSTER_FUZZ_SEED"] ?? 1)

const limits = { atOnce: 16, perDraw: 250, answerMs: 60_000, operationMs: 300, timeoutMs: 60_000 + count * 20 } as const

const adminPassword = "correct-horse-battery-staple-7"

/** Statuses from 500 on that say something about a node, or about what the console has to do, and not about a bug. */
const deliberate = new Set(
  Object.keys(statusByCode).filter(
    (code) => code !== "internal" && /^(?:node_|too_many_|shutting|overloaded)/.test(code)
  )
)

interface Answer {
  readonly status: number
  readonly text: string
}

const send = (url: string, agent: Agent, { body, headers, method, path }: FuzzedRequest) =>
  Effect.callback<Answer | undefined>((resume) => {
    const { hostname, port } = new URL(url)
    // For a DELETE Node would send the body without saying how long it is, and the server take it for a request.
    const length = body === undefined ? {} : { "content-length": Buffer.byteLength(body) }
    const sent = httpRequest(
      { hostname, port, path, method, headers: { ...headers, ...length }, agent },
      (response) => {
        let text = ""
        response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk))
        response.on("end", () => resume(Effect.succeed({ status: response.statusCode ?? 0, text })))
        response.on("error", () => resume(Effect.succeed(undefined)))
      }
    )
    sent.on("error", () => resume(Effect.succeed(undefined)))
    sent.end(body)
    return Effect.sync(() => sent.destroy())
  }).pipe(
    Effect.timeoutOrElse({
      duration: limits.answerMs,
      orElse: () => Effect.succeed<Answer>({ status: 0, text: `no answer within ${limits.answerMs} ms` })
    })
  )

const decodeError = Schema.decodeUnknownOption(Schema.fromJsonString(ErrorBody))

/** What is wrong with an answer. */
const problemOf = ({ method }: FuzzedRequest, { status, text }: Answer): string | undefined => {
  if (status < 400 && status !== 0) return undefined
  if (method === "HEAD") return status >= 500 ? `status ${status}` : undefined
  const error = decodeError(text)
  if (error._tag === "None") {
    // Of its health the console tells in the shape of its health.
    return status === 503 && text.includes('"components"') ? undefined : `status ${status}: not the shape: ${text}`
  }
  const { code } = error.value
  if (statusByCode[code] !== status) return `status ${status} with code ${code}`
  return status >= 500 && !deliberate.has(code) ? `status ${status}: ${text}` : undefined
}

const Granted = Schema.Struct({ token: Schema.String, refresh_token: Schema.String })
const Created = Schema.Struct({ secret: Schema.String })

const post = (url: string, body: object, token?: string) =>
  Effect.promise(async (): Promise<unknown> => {
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const headers = { "content-type": "application/json", ...authorization }
    return (await fetch(url, { method: "POST", headers, body: JSON.stringify(body) })).json()
  })

/** Secrets that let an administrator in. A drawn request may end a session, and cannot name the token to end that. */
const login = Effect.fnUntraced(function* (url: string) {
  const granted = yield* post(`${url}/api/auth/login`, { username: "admin", password: adminPassword })
  const { refresh_token, token } = Schema.decodeUnknownSync(Granted)(granted)
  const created = yield* post(`${url}/api/tokens`, { name: "fuzz", role: "admin" }, token)
  return { token: Schema.decodeUnknownSync(Created)(created).secret, others: [token, refresh_token] }
})

/** Answers that are there to give secrets. */
const givesSecrets = /^post \/api\/(?:auth\/(?:login|refresh|ticket)|tokens)$/

describe("a console under any requests", () => {
  it.live(
    "answers each in the one shape, tells no secret, and is well afterwards",
    () =>
      Effect.gen(function* () {
        const console = yield* start({
          env: {
            MUSTER_AUTH_ANONYMOUS_ROLE: "none",
            MUSTER_ADMIN_PASSWORD: adminPassword,
            MUSTER_LOG_LEVEL: "debug",
            // A request to restart something must not keep the others waiting.
            MUSTER_OPERATIONS_START_TIMEOUT: `${limits.operationMs}ms`,
            MUSTER_OPERATIONS_STOP_TIMEOUT: `${limits.operationMs}ms`,
            MUSTER_OPERATIONS_RESTART_TIMEOUT: `${limits.operationMs}ms`,
            MUSTER_OPERATIONS_BATCH_TIMEOUT: "1s"
          }
        })
        const agent = yield* Effect.acquireRelease(
          Effect.sync(() => new Agent({ keepAlive: true, maxSockets: limits.atOnce })),
          (opened) => Effect.sync(() => opened.destroy())
        )
        const description = yield* Effect.promise(async () => {
          const body: unknown = await (await fetch(`${console.url}/openapi.json`)).json()
          return body
        })
        const arbitrary = requests(Schema.decodeUnknownSync(OpenApi)(description))
        const { others, token } = yield* login(console.url)
        const secrets = [adminPassword, token, ...others]
        const problems: Array<string> = []
        const seen = new Map<number, number>()
        let dropped = 0
        const one = (draw: (token: string) => FuzzedRequest) =>
          Effect.gen(function* () {
            const request = draw(token)
            const answer = yield* send(console.url, agent, request)
            if (answer === undefined) return void dropped++
            seen.set(answer.status, (seen.get(answer.status) ?? 0) + 1)
            const what = `${request.method} ${request.path.slice(0, 300)} (${request.endpoint})`
            const problem = problemOf(request, answer)
            if (problem !== undefined) problems.push(`${what}: ${problem.slice(0, 500)}`)
            const told = givesSecrets.test(request.endpoint) ? undefined : secrets.find((x) => answer.text.includes(x))
            if (told !== undefined) problems.push(`${what}: a secret in the answer: ${answer.text.slice(0, 500)}`)
          })
        for (let done = 0; done < count; done += limits.perDraw) {
          const draws = fc.sample(arbitrary, { numRuns: Math.min(limits.perDraw, count - done), seed: seed + done })
          yield* Effect.forEach(draws, one, { concurrency: limits.atOnce, discard: true })
        }
        for (const secret of secrets) {
          const line = console
            .logs()
            .split("\n")
            .find((each) => each.includes(secret))
          if (line !== undefined) problems.push(`a secret in the log: ${line.slice(0, 500)}`)
        }
        const summary = Array.from(seen, ([status, times]) => `${status}: ${times}`)
          .toSorted()
          .join(", ")
        assert.deepStrictEqual(problems.slice(0, 20), [], `${problems.length} problems; ${summary}`)
        // Requests that are no HTTP are cut off by Node's own parser; nearly all others must have got through.
        assert.isBelow(dropped, count / 20, summary)
        assert.isAbove(seen.get(200) ?? 0, count / 20, summary)
        const ended = yield* console.stop("SIGTERM")
        assert.strictEqual(ended.code, 0, console.logs().slice(-2_000))
      }),
    { timeout: limits.timeoutMs }
  )
})
