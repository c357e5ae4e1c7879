/** `muster serve` that is asked to end while everything is under way. */
import { createServer, type Server } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { eventually } from "../core/local/RealProcesses.ts"
import { post } from "../support/ConsoleRequest.ts"
import { reaches, start } from "../support/RealConsole.ts"
import { temporaryFile } from "../support/TemporaryFolder.ts"
import { connect } from "../support/WsClient.ts"

const deadlineMs = 15_000

/** A port that takes requests and says nothing. */
const hanging = Effect.acquireRelease(
  Effect.callback<Server>((resume) => {
    const server = createServer((socket) => socket.on("error", () => socket.destroy()))
    server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
  }),
  (server) => Effect.sync(() => server.close())
).pipe(
  Effect.map((server) => {
    const address = server.address()
    return typeof address === "object" && address !== null ? address.port : 0
  })
)

const config = (port: number) => `
[server]
shutdown_deadline = "${deadlineMs}ms"
[poll]
interval = "200ms"
deadline = "20s"
[[nodes]]
name = "hanging"
url = "http://127.0.0.1:${port}"
[[programs]]
name = "flood"
command = ["sh", "-c", "while :; do echo 0123456789012345678901234567890123456789; done"]
stopwaitsecs = 1
[[programs]]
name = "stubborn"
command = ["sh", "-c", "trap '' TERM; while :; do sleep 0.2; done"]
stopwaitsecs = 4
`

describe("muster serve with everything under way", () => {
  it.live(
    "ends in order within its deadline, and answers whoever still waits",
    () =>
      Effect.gen(function* () {
        const console = yield* start({ config: yield* temporaryFile("muster.toml", config(yield* hanging)) })
        yield* reaches(console, "RUNNING", "local", "flood", "flood")
        yield* reaches(console, "RUNNING", "local", "stubborn", "stubborn")
        const log = { node: "local", group: "flood", name: "flood", channel: "stdout" }
        for (let i = 0; i < 5; i++) {
          const deaf = yield* connect(console.url)
          yield* deaf.send(JSON.stringify({ type: "subscribe", logs: [log] }))
          yield* deaf.frame(({ type }) => type === "subscribed")
          deaf.socket.pause()
        }
        const client = yield* connect(console.url)
        const path = "/api/nodes/hanging/processes/a/b/stop"
        const waiting = yield* Effect.forkChild(
          Effect.promise((signal) => fetch(`${console.url}${path}`, { method: "POST", signal })),
          { startImmediately: true }
        )
        yield* post(console.url, "/api/batches", { operation: { kind: "restart" }, select: [{ group: "stubborn" }] })
        yield* client.frame(({ type }) => type === "batch.changed")
        yield* eventually(
          console.process("local", "stubborn", "stubborn"),
          ({ state }) => state === "STOPPING" || state === "STOPPED"
        )
        const { code, stderr, tookMs } = yield* console.stop("SIGTERM")
        assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" }, /"shutdown: [^"]*"/.exec(console.logs())?.[0])
        assert.isBelow(tookMs, deadlineMs)
        assert.strictEqual((yield* client.closed()).code, 1001)
        assert.strictEqual((yield* Fiber.join(waiting)).status, 503)
        assert.deepStrictEqual(console.descendants(), [])
      }),
    60_000
  )
})
