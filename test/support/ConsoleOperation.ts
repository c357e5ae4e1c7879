/** Operations on processes through the HTTP API of a real console, for tests in which one may take its time. */
import { Data, Effect, Schema } from "effect"
import { ProcessInfo } from "../../core/domain/Process.ts"

/** The console gave no answer, or none that can be read. */
export class NoAnswer extends Data.TaggedError("NoAnswer")<{ readonly message: string }> {}

/** What is asked of a process. */
export interface Asked {
  readonly kind: "start" | "stop" | "restart" | "signal"
  /** Only of a signal. */
  readonly signal?: string
  readonly node: string
  readonly group: string
  readonly name: string
}

const Done = Schema.Struct({
  outcome: Schema.Literals(["done", "unchanged", "failed", "timeout"]),
  state: ProcessInfo.fields.state,
  detail: Schema.String,
  process: ProcessInfo
})

/** The result of the operation, or the code of the refusal. */
export type Told =
  | { readonly _tag: "result"; readonly result: typeof Done.Type }
  | { readonly _tag: "refusal"; readonly status: number; readonly code: string; readonly message: string }

const Refused = Schema.Struct({ code: Schema.String, message: Schema.String })

const answerMs = 90_000

/** Asks the console at the URL and waits for what it tells, for 90 s at most. */
export const operate = (url: string, asked: Asked): Effect.Effect<Told, NoAnswer> =>
  Effect.gen(function* () {
    const { body, status } = yield* post(url, asked)
    if (status === 200) return { _tag: "result" as const, result: yield* Schema.decodeUnknownEffect(Done)(body) }
    return { _tag: "refusal" as const, status, ...(yield* Schema.decodeUnknownEffect(Refused)(body)) }
  }).pipe(
    Effect.catchTag("SchemaError", (error) => Effect.fail(new NoAnswer({ message: error.message }))),
    Effect.timeoutOrElse({
      duration: answerMs,
      orElse: () => Effect.fail(new NoAnswer({ message: `${JSON.stringify(asked)}: no answer in ${answerMs} ms` }))
    })
  )

const post = (url: string, { group, kind, name, node, signal: sent }: Asked) =>
  Effect.tryPromise({
    try: async (signal) => {
      const withBody = { body: JSON.stringify({ signal: sent }), headers: { "content-type": "application/json" } }
      const response = await fetch(`${url}/api/nodes/${node}/processes/${group}/${name}/${kind}`, {
        method: "POST",
        signal,
        ...(sent === undefined ? {} : withBody)
      })
      const body: unknown = await response.json()
      return { status: response.status, body }
    },
    catch: (cause) => new NoAnswer({ message: `${kind} of ${node} ${group}:${name}: ${String(cause)}` })
  })
