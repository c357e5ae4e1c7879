/** `muster serve` over real supervisord nodes: what it shows and tells its clients, and what supervisorctl confirms. */
import { createServer } from "node:net"
import { assert, describe } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { eventually } from "../core/local/RealProcesses.ts"
import { signal } from "../../runtime/real/MarkedProcesses.ts"
import { reaches, type RealConsole, start as startConsole } from "../support/RealConsole.ts"
import { itReal, type RealSupervisord, start as startSupervisord } from "../support/RealSupervisord.ts"
import { temporaryFile } from "../support/TemporaryFolder.ts"
import { connect, type Frame } from "../support/WsClient.ts"

const pollMs = 500

/** An event has to be there within a poll interval and a second of the change. */
const noticeMs = pollMs + 1_000

const programs = `
[program:web]
command=/bin/sleep 1000
startsecs=0
[program:worker]
command=/bin/sleep 1000
autostart=false
startsecs=1
[program:slow]
command=/bin/sh -c 'trap "sleep 3; exit 0" TERM; while :; do sleep 0.1; done'
startsecs=0
stopwaitsecs=20
stopasgroup=false
`

const nodeTable = (name: string, url: string, password: string) =>
  `[[nodes]]\nname = ${JSON.stringify(name)}\nurl = ${JSON.stringify(url)}\n` +
  `username = "user"\npassword = ${JSON.stringify(password)}\n`

const config = (nodes: ReadonlyArray<string>, more = "") =>
  temporaryFile("muster.toml", `[poll]\ninterval = "${pollMs}ms"\n${more}\n${nodes.join("")}`)

/** Two nodes, one over TCP and one over a unix socket, with different passwords, and a console of both. */
const fleet = Effect.gen(function* () {
  const [tcp, unix] = yield* Effect.all(
    [startSupervisord({ programs }), startSupervisord({ programs, password: 'an "other" \\ one' })],
    { concurrency: 2 }
  )
  const file = yield* config([
    nodeTable("tcp", tcp.url, Redacted.value(tcp.password)),
    nodeTable("unix", unix.socketUrl, Redacted.value(unix.password))
  ])
  const console = yield* startConsole({ config: file })
  for (const node of ["tcp", "unix"]) yield* reaches(console, "RUNNING", node, "web", "web")
  return { console, nodes: { tcp, unix } }
})

const statusOf = (node: RealSupervisord, name: string) =>
  Effect.map(node.supervisorctl("status", name), ({ output }) => output.trim().split(/\s+/).slice(1, 4).join(" "))

/** Tells what became of a process of the node: the state of each event, in order. */
const statesOf = (frames: ReadonlyArray<Frame>, node: string, name: string) =>
  frames.flatMap((frame) => {
    const { process } = frame
    return frame["node"] === node && isNamed(process) && process.name === name ? [`${frame.type} ${process.state}`] : []
  })

const isNamed = (value: unknown): value is { readonly name: string; readonly state: string; readonly pid: number } =>
  typeof value === "object" && value !== null && "name" in value && "state" in value && "pid" in value

describe("muster serve over real supervisord nodes", () => {
  itReal("shows the nodes, and tells a client what happens behind its back", () =>
    Effect.gen(function* () {
      const { console, nodes } = yield* fleet
      const client = yield* connect(console.url)
      const [hello, snapshot] = [
        yield* client.frame(({ type }) => type === "hello"),
        yield* client.frame(({ type }) => type === "snapshot")
      ]
      assert.deepStrictEqual(client.frames.slice(0, 2), [hello, snapshot])
      const listed = JSON.stringify((yield* console.request("GET", "/api/nodes")).body)
      assert.notInclude(listed + console.logs(), "a secret")
      for (const [name, node] of Object.entries(nodes)) {
        assert.deepInclude(yield* console.node(name), { kind: "supervisord", status: "up" })
        const { pid } = yield* console.process(name, "web", "web")
        assert.strictEqual(yield* statusOf(node, "web"), `RUNNING pid ${pid},`)
        const killedMs = performance.now()
        signal(pid, "SIGKILL")
        const event = yield* client.frame(
          ({ node: of, process, type }) =>
            of === name &&
            type.startsWith("process.") &&
            isNamed(process) &&
            process.name === "web" &&
            process.pid !== pid,
          noticeMs
        )
        assert.isBelow(performance.now() - killedMs, noticeMs)
        assert.isAbove(Number(event["seq"]), Number(snapshot["seq"]))
        // supervisord starts it again, and the API shows that run.
        yield* eventually(
          console.process(name, "web", "web"),
          (now) => now.state === "RUNNING" && now.pid > 0 && now.pid !== pid
        )
      }
    })
  )

  itReal("starts, stops and restarts as supervisorctl then confirms", () =>
    Effect.gen(function* () {
      const { console, nodes } = yield* fleet
      const client = yield* connect(console.url)
      yield* client.frame(({ type }) => type === "snapshot")
      for (const [name, node] of Object.entries(nodes)) {
        const started = yield* console.operate("start", name, "worker", "worker")
        assert.deepInclude(started, { outcome: "done", state: "RUNNING" })
        assert.strictEqual(yield* statusOf(node, "worker"), `RUNNING pid ${started.process.pid},`)
        assert.strictEqual((yield* console.operate("start", name, "worker", "worker")).outcome, "unchanged")
        const restarted = yield* console.operate("restart", name, "worker", "worker")
        assert.deepInclude(restarted, { outcome: "done", state: "RUNNING" })
        assert.notStrictEqual(restarted.process.pid, started.process.pid)
        assert.strictEqual(yield* statusOf(node, "worker"), `RUNNING pid ${restarted.process.pid},`)
        const stopped = yield* console.operate("stop", name, "worker", "worker")
        assert.deepInclude(stopped, { outcome: "done", state: "STOPPED" })
        assert.match(yield* statusOf(node, "worker"), /^STOPPED/)
        yield* client.frame(() => statesOf(client.frames, name, "worker").at(-1) === "process.state STOPPED", noticeMs)
        assert.include(statesOf(client.frames, name, "worker"), "process.state RUNNING")
      }
    })
  )

  itReal("restarts a program that takes its time to stop", () =>
    Effect.gen(function* () {
      const { console, nodes } = yield* fleet
      const { pid } = yield* reaches(console, "RUNNING", "tcp", "slow", "slow")
      const restarted = yield* console.operate("restart", "tcp", "slow", "slow")
      assert.deepInclude(restarted, { outcome: "done", state: "RUNNING" })
      assert.isAtLeast(restarted.took_ms, 2_900)
      assert.notStrictEqual(restarted.process.pid, pid)
      assert.strictEqual(yield* statusOf(nodes.tcp, "slow"), `RUNNING pid ${restarted.process.pid},`)
    })
  )
})

/** A server that accepts connections and never answers. */
const hangingPort = Effect.acquireRelease(
  Effect.callback<{ readonly port: number; readonly close: () => void }>((resume) => {
    const sockets = new Set<{ readonly destroy: () => void }>()
    const server = createServer((socket) => {
      sockets.add(socket)
      socket.on("error", () => sockets.delete(socket))
      socket.on("close", () => sockets.delete(socket))
    })
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      const close = () => {
        server.close()
        for (const socket of sockets) socket.destroy()
      }
      resume(Effect.succeed({ port: typeof address === "object" && address !== null ? address.port : 0, close }))
    })
  }),
  ({ close }) => Effect.sync(close)
)

const becomesDown = (console: RealConsole, name: string, code: string) =>
  eventually(console.node(name), ({ reason, status }) => status === "down" && reason?.code === code)

describe("muster serve over nodes that are in trouble", () => {
  itReal("shows why each is down, and delays no other node", () =>
    Effect.gen(function* () {
      const node = yield* startSupervisord({ programs })
      const hanging = yield* hangingPort
      const password = Redacted.value(node.password)
      const file = yield* config(
        [
          nodeTable("hanging-1", `http://127.0.0.1:${hanging.port}`, password),
          nodeTable("hanging-2", `http://127.0.0.1:${hanging.port}`, password),
          nodeTable("stranger", node.url, "wrong"),
          nodeTable("dead", "http://127.0.0.1:1", password),
          nodeTable("healthy", node.url, password)
        ],
        // Two nodes that hang could take both places.
        'concurrency = 2\ndeadline = "3s"'
      )
      const console = yield* startConsole({ config: file })
      yield* becomesDown(console, "stranger", "Unauthorized")
      yield* becomesDown(console, "dead", "Unreachable")
      const timedOut = yield* becomesDown(console, "hanging-1", "TimedOut")
      assert.strictEqual(timedOut.reason?.message, "no reply within 3000 ms")
      assert.isUndefined(timedOut.last_seen)
      assert.isFalse(Number.isNaN(Date.parse(timedOut.since)))

      // While both keep hanging, the healthy node is asked all the time.
      let seen = (yield* console.node("healthy")).last_seen
      for (let i = 0; i < 4; i++) {
        const askedMs = performance.now()
        const next = yield* eventually(console.node("healthy"), ({ last_seen }) => last_seen !== seen)
        assert.isBelow(performance.now() - askedMs, noticeMs)
        assert.strictEqual(next.status, "up")
        seen = next.last_seen
      }
      const operated = yield* console.operate("start", "healthy", "worker", "worker")
      assert.strictEqual(operated.outcome, "done")
      const refused = yield* console.request("POST", "/api/nodes/dead/processes/web/web/start")
      assert.strictEqual(refused.status, 502)
      assert.deepInclude(refused.body, { status: "error", code: "node_unreachable" })
      assert.notInclude(console.logs(), password)
    })
  )

  itReal("follows a node that goes and comes back", () =>
    Effect.gen(function* () {
      const { console, nodes } = yield* fleet
      const client = yield* connect(console.url)
      yield* client.frame(({ type }) => type === "snapshot")
      const nodeEvent = (to: string) =>
        client.frame((frame) => frame.type === "node.status" && frame["node"] === "tcp" && frame["to"] === to)
      signal(nodes.tcp.pid, "SIGSTOP")
      const started = yield* console.operate("start", "unix", "worker", "worker")
      assert.strictEqual(started.outcome, "done")
      const down = yield* nodeEvent("down")
      assert.deepInclude(down["reason"], { code: "TimedOut" })
      // What is shown of its processes is the last known state.
      assert.strictEqual((yield* console.process("tcp", "web", "web")).state, "RUNNING")
      signal(nodes.tcp.pid, "SIGCONT")
      yield* nodeEvent("up")
    })
  )
})
