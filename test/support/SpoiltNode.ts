/**
 * A supervisord that speaks HTTP as it should and answers its polls with something else than it should: text of the
 * test's own, another status, or the identity of another. All other methods answer well.
 */
import { createServer } from "node:http"
import { Effect, type Scope } from "effect"
import { writeReply } from "../../scenarios/peers/SupervisordXml.ts"

/** An answer: the body, with status 200 unless another is given. */
export interface Spoilt {
  readonly body: string
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
}

export interface SpoiltNode {
  readonly url: string
  /** Calls so far, by method. */
  readonly calls: ReadonlyMap<string, number>
}

/** A process of the node as supervisord reports it; members can be replaced. */
export const process = (more: Readonly<Record<string, string | number>> = {}) => ({
  name: "web",
  group: "app",
  start: 1_700_000_000,
  stop: 0,
  now: 1_700_000_100,
  state: 20,
  statename: "RUNNING",
  spawnerr: "",
  exitstatus: 0,
  logfile: "/var/log/web.log",
  stdout_logfile: "/var/log/web.log",
  stderr_logfile: "",
  pid: 4_321,
  description: "pid 4321, uptime 0:01:40",
  ...more
})

/** A reply as supervisord would write it. */
export const reply = (value: Parameters<typeof writeReply>[0]): string => writeReply(value) ?? ""

const methodOf = (call: string): string => /<methodName>([^<]*)<\/methodName>/.exec(call)?.[1] ?? ""

const good = (method: string): string => {
  const values: Readonly<Record<string, Parameters<typeof writeReply>[0]>> = {
    "supervisor.getAllProcessInfo": [process()],
    "supervisor.getProcessInfo": process(),
    "supervisor.getAPIVersion": "3.0",
    "supervisor.getSupervisorVersion": "4.2.5",
    "supervisor.getIdentification": "spoilt",
    "supervisor.getPID": 77,
    "supervisor.getState": { statecode: 1, statename: "RUNNING" }
  }
  return reply(values[method] ?? true)
}

/**
 * Serves until the scope closes. `answer` gives what a method is answered with instead, as often as it is called;
 * undefined for what a good node says.
 */
export const spoiltNode = (
  answer: (method: string) => Spoilt | undefined
): Effect.Effect<SpoiltNode, never, Scope.Scope> =>
  Effect.gen(function* () {
    const calls = new Map<string, number>()
    const server = createServer((request, response) => {
      let call = ""
      // A console that gives up resets its connection.
      request.on("error", () => request.destroy())
      response.on("error", () => response.destroy())
      request.setEncoding("utf8").on("data", (text: string) => (call += text))
      request.on("end", () => {
        const method = methodOf(call)
        calls.set(method, (calls.get(method) ?? 0) + 1)
        const { body, headers = {}, status = 200 } = answer(method) ?? { body: good(method) }
        response.writeHead(status, {
          "content-type": "text/xml",
          "content-length": Buffer.byteLength(body),
          ...headers
        })
        response.end(body)
      })
    })
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
      () =>
        Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    )
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    return { url: `http://127.0.0.1:${port}`, calls }
  })
