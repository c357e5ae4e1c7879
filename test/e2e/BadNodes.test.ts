/**
 * `muster serve` over nodes that are hostile or broken, beside one that is well: nothing of theirs becomes its
 * trouble.
 */
import { readFileSync } from "node:fs"
import type { Server } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Data, Effect, Schema, type Scope } from "effect"
import { FakeNode } from "../../bench/FakeNode.ts"
import type { NodeMode } from "../../bench/FakeNodeMode.ts"
import { ErrorBody, statusByCode, type ErrorCode } from "../../core/http/ErrorBody.ts"
import { writeFault } from "../../scenarios/peers/SupervisordXml.ts"
import { eventually } from "../core/local/RealProcesses.ts"
import { type RealConsole, start as startConsole } from "../support/RealConsole.ts"
import { process, reply, type Spoilt, spoiltNode } from "../support/SpoiltNode.ts"
import { temporaryFile } from "../support/TemporaryFolder.ts"

const intervalMs = 300
const deadlineMs = 1_000

/** What the machine may add to a poll that is due while everything runs on it. */
const slackMs = 2_000

const config = (nodes: Readonly<Record<string, string>>, more = "") =>
  temporaryFile(
    "muster.toml",
    `[poll]\ninterval = "${intervalMs}ms"\ndeadline = "${deadlineMs}ms"\n${more}\n` +
      Object.entries(nodes)
        .map(([name, table]) => `[[nodes]]\nname = ${JSON.stringify(name)}\n${table}\n`)
        .join("")
  )

/** A circuit that opens would answer in the place of what the node did. */
const neverOpens = "breaker_failures = 100"

const urlOf = (url: string): string => `url = ${JSON.stringify(url)}`

/** A node of raw bytes on a free port. */
const fakeNode = (mode: NodeMode): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(() =>
      new FakeNode({ mode, processes: 3, pidFirst: 1_000, changeEveryPolls: 1_000, identifier: mode }).listen(0)
    ),
    (server) => Effect.sync(() => server?.close())
  ).pipe(Effect.map((server) => `http://127.0.0.1:${portOf(server)}`))

const portOf = (server: Server | undefined): number => {
  const address = server?.address()
  // Nothing listens on port 1.
  return typeof address === "object" && address !== null ? address.port : 1
}

/** Resident memory of a process, in bytes. */
const rssOf = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? Number.NaN) * 1_024

/** What must hold of the node that is well, whatever the others do. */
const isWell = Effect.fnUntraced(function* (console: RealConsole) {
  const { last_seen: seen = "", ...view } = yield* console.node("well")
  assert.deepInclude(view, { status: "up", stale: false }, JSON.stringify(view))
  assert.isBelow(Date.now() - Date.parse(seen), intervalMs * 1.1 + deadlineMs / 2 + slackMs)
})

/** The body of an error, which has to be of the one shape and with the status of its code. */
const refusal = Effect.fnUntraced(function* (
  console: RealConsole,
  method: "GET" | "POST",
  path: string,
  withinMs: number
) {
  const askedMs = performance.now()
  const { body, status } = yield* console.request(method, path)
  const tookMs = performance.now() - askedMs
  const error = yield* Schema.decodeUnknownEffect(ErrorBody)(body)
  assert.strictEqual(status, statusByCode[error.code], JSON.stringify(error))
  assert.isBelow(tookMs, withinMs, `${method} ${path}: ${JSON.stringify(error)}`)
  return error
})

class NotDown extends Data.TaggedError("NotDown")<{ readonly message: string }> {}

const becomesDown = (console: RealConsole, node: string, code: string, timeoutMs: number) =>
  eventually(console.node(node), ({ reason, status }) => status === "down" && reason?.code === code).pipe(
    Effect.timeout(timeoutMs),
    Effect.mapError(({ message }) => new NotDown({ message: `${node} does not become ${code}: ${message}` }))
  )

/** What a node does, what its status says of it, and what a command to a process of it is answered with. */
interface Case {
  readonly reason: string
  readonly code: ErrorCode
}

const modes: Readonly<Record<Exclude<NodeMode, "good" | "resetting" | "lying">, Case>> = {
  dead: { reason: "Unreachable", code: "node_unreachable" },
  slow: { reason: "TimedOut", code: "node_timeout" },
  hanging: { reason: "TimedOut", code: "node_timeout" },
  trickling: { reason: "TimedOut", code: "node_timeout" },
  huge: { reason: "TooLarge", code: "node_invalid_reply" },
  invalid: { reason: "Malformed", code: "node_invalid_reply" }
}

describe("muster serve over nodes that break the connection or never end", () => {
  it.live(
    "says what each does, answers commands in time, keeps its memory, and polls the one that is well",
    () =>
      Effect.gen(function* () {
        const nodes: Record<string, string> = {}
        for (const mode of Object.keys(modes)) nodes[mode] = urlOf(yield* fakeNode(modeOf(mode)))
        for (const mode of ["resetting", "lying"] as const) nodes[mode] = urlOf(yield* fakeNode(mode))
        nodes["well"] = urlOf(yield* fakeNode("good"))
        const console = yield* startConsole({ config: yield* config(nodes, neverOpens) })
        yield* eventually(console.node("well"), ({ status }) => status === "up")
        const beforeBytes = rssOf(console.pid)
        for (const [mode, { reason }] of Object.entries(modes)) {
          yield* becomesDown(console, mode, reason, deadlineMs + slackMs)
        }
        // What these two do differs from call to call.
        for (const mode of ["resetting", "lying"]) {
          const { reason } = yield* eventually(console.node(mode), ({ status }) => status === "down")
          assert.include(["ConnectionLost", "Malformed"], reason?.code)
        }
        for (let round = 0; round < 3; round++) {
          const started = Object.entries(modes).map(([mode, { code }]) =>
            Effect.map(
              refusal(console, "POST", `/api/nodes/${mode}/processes/app/worker_00/stop`, deadlineMs + slackMs),
              (error) => assert.strictEqual(error.code, code, `${mode}: ${JSON.stringify(error)}`)
            )
          )
          yield* Effect.all(started, { concurrency: "unbounded" })
          yield* isWell(console)
        }
        const stopped = yield* console.operate("stop", "well", "app", "worker_00")
        assert.strictEqual(stopped.outcome, "done")
        assert.isBelow(rssOf(console.pid) - beforeBytes, 100 * 1_024 * 1_024)
        assert.strictEqual((yield* console.stop("SIGTERM")).code, 0)
      }),
    60_000
  )
})

const modeOf = (name: string): NodeMode => {
  const known: ReadonlyArray<NodeMode> = [
    "dead",
    "slow",
    "hanging",
    "trickling",
    "resetting",
    "lying",
    "huge",
    "invalid"
  ]
  return known.find((mode) => mode === name) ?? "good"
}

const text = (value: string) => `<value><string>${value}</string></value>`
const document = (value: string) =>
  `<?xml version='1.0'?><methodResponse><params><param>${value}</param></params></methodResponse>`
const nested = (depth: number) =>
  "<value><array><data>".repeat(depth) + text("x") + "</data></array></value>".repeat(depth)

/** Entities that grow tenfold from one to the next: nine of them are a gigabyte. */
const bomb =
  `<?xml version='1.0'?><!DOCTYPE m [<!ENTITY a0 "aaaaaaaaaa">` +
  Array.from({ length: 9 }, (_, i) => `<!ENTITY a${i + 1} "${`&a${i};`.repeat(10)}">`).join("") +
  `]><methodResponse><params><param>${text("&a9;")}</param></params></methodResponse>`

const without = (name: string) =>
  reply(process()).replace(new RegExp(`<member>\\s*<name>${name}</name>[^]*?</member>`), "")
const inList = (one: string): string =>
  one.replace("<param>\n", "<param>\n<value><array><data>\n").replace("</param>", "</data></array></value></param>")

/** Answers to a poll, and to the look at one process with which a command begins. */
const answers: Readonly<Record<string, Case & { readonly answer: Spoilt }>> = {
  "texts-for-numbers": {
    answer: { body: reply(process({ pid: "4321" })) },
    reason: "Malformed",
    code: "node_invalid_reply"
  },
  "no-state": { answer: { body: without("state") }, reason: "Malformed", code: "node_invalid_reply" },
  "no-name": { answer: { body: without("name") }, reason: "Malformed", code: "node_invalid_reply" },
  "wide-number": {
    answer: { body: reply(process()).replace("<int>4321</int>", `<int>${"9".repeat(400)}</int>`) },
    reason: "Malformed",
    code: "node_invalid_reply"
  },
  "not-a-number": {
    answer: { body: reply(process()).replace("<int>4321</int>", "<double>nan</double>") },
    reason: "Malformed",
    code: "node_invalid_reply"
  },
  "deep-nesting": { answer: { body: document(nested(100_000)) }, reason: "Malformed", code: "node_invalid_reply" },
  "entity-bomb": { answer: { body: bomb }, reason: "Malformed", code: "node_invalid_reply" },
  "a-page": { answer: { body: "<html><body>Sign in</body></html>" }, reason: "Malformed", code: "node_invalid_reply" },
  empty: { answer: { body: "" }, reason: "Malformed", code: "node_invalid_reply" },
  "another-method": { answer: { body: reply(true) }, reason: "Malformed", code: "node_invalid_reply" },
  fault: { answer: { body: writeFault(30, "FAILED: <b>no</b>\n\u202e\u0085") }, reason: "Fault", code: "node_refused" },
  "endless-fault": {
    answer: { body: writeFault(30, "x".repeat(1_000_000)) },
    reason: "Fault",
    code: "node_refused"
  },
  "fault-of-texts": {
    answer: { body: document("").replace(/<params>.*<\/params>/, `<fault>${text("1")}</fault>`) },
    reason: "Malformed",
    code: "node_invalid_reply"
  },
  "shutting-down": {
    answer: { body: writeFault(6, "SHUTDOWN_STATE") },
    reason: "ShuttingDown",
    code: "node_shutting_down"
  },
  stranger: { answer: { body: "", status: 401 }, reason: "Unauthorized", code: "node_unauthorized" },
  raising: { answer: { body: "Traceback", status: 500 }, reason: "HttpStatus", code: "node_invalid_reply" },
  moved: {
    answer: { body: "", status: 302, headers: { location: "http://127.0.0.1:1/RPC2" } },
    reason: "HttpStatus",
    code: "node_invalid_reply"
  }
}

describe("muster serve over nodes that answer in time, and wrongly", () => {
  it.live(
    "says what is wrong with each, refuses commands in the one shape, and polls the one that is well",
    () =>
      Effect.gen(function* () {
        const nodes: Record<string, string> = { well: urlOf(yield* fakeNode("good")) }
        for (const [name, { answer }] of Object.entries(answers)) {
          const { url } = yield* spoiltNode((method) =>
            method === "supervisor.getProcessInfo"
              ? answer
              : method === "supervisor.getAllProcessInfo"
                ? {
                    ...answer,
                    body:
                      answer.body.includes("<struct>") && !answer.body.includes("<fault>")
                        ? inList(answer.body)
                        : answer.body
                  }
                : undefined
          )
          nodes[name] = urlOf(url)
        }
        nodes["impostor"] = `${urlOf((yield* spoiltNode(() => undefined)).url)}\nidentifier = "expected"`
        const console = yield* startConsole({ config: yield* config(nodes, neverOpens) })
        for (const [name, { reason }] of Object.entries(answers)) {
          const { reason: shown } = yield* becomesDown(console, name, reason, deadlineMs + slackMs)
          assert.notMatch(shown?.message ?? "", /[\p{Cc}\u202e]/u)
          assert.isBelow(shown?.message.length ?? 0, 600)
        }
        yield* becomesDown(console, "impostor", "WrongIdentity", deadlineMs + slackMs)
        for (const [name, { code }] of Object.entries(answers)) {
          for (const kind of ["start", "stop", "restart", "clear_log"]) {
            const path = `/api/nodes/${name}/processes/app/web/${kind}`
            const error = yield* refusal(console, "POST", path, deadlineMs + slackMs)
            assert.strictEqual(error.code, code, `${name}: ${JSON.stringify(error)}`)
          }
        }
        const wrong = yield* refusal(
          console,
          "POST",
          "/api/nodes/impostor/processes/app/web/stop",
          deadlineMs + slackMs
        )
        assert.strictEqual(wrong.code, "node_wrong_identity")
        yield* isWell(console)
        const { code, stderr } = yield* console.stop("SIGTERM")
        assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
      }),
    60_000
  )
})

/** Reports of the right shape whose values nobody would expect. */
const odd = [
  process(),
  process({ name: "web" }),
  process({ name: "" }),
  process({ name: "a:b/c %2F?#" }),
  process({ name: "__proto__", group: "__proto__" }),
  process({ name: "ünïcode-\u{1f980}", description: "\u202e\u0085 <script>alert(1)</script>" }),
  process({ name: "unknown-state", state: 12_345, statename: "DANCING" }),
  process({ name: "negative", pid: -1, start: -1, stop: -5, now: -9, exitstatus: -2_147_483_647 }),
  process({ name: "long", description: "x".repeat(1_000_000) })
]

describe("muster serve over a node whose reports are odd", () => {
  it.live("shows them as they are, and answers about them", () =>
    Effect.gen(function* () {
      const widest = reply(odd).replace("<int>1700000000</int>", `<i8>${Number.MAX_SAFE_INTEGER}</i8>`)
      const { url } = yield* spoiltNode((method) =>
        method === "supervisor.getAllProcessInfo" ? { body: widest } : undefined
      )
      const nodes = { odd: urlOf(url), well: urlOf(yield* fakeNode("good")) }
      const console = yield* startConsole({ config: yield* config(nodes) })
      yield* eventually(console.node("odd"), ({ status }) => status === "up")
      const listed = yield* console.request("GET", "/api/nodes/odd/processes")
      assert.strictEqual(listed.status, 200)
      for (const { group, name } of odd) {
        const path = `/api/nodes/odd/processes/${encodeURIComponent(group)}/${encodeURIComponent(name)}`
        const { body, status } = yield* console.request("GET", path)
        assert.include([200, 400, 404], status, `${path}: ${JSON.stringify(body).slice(0, 300)}`)
      }
      assert.strictEqual((yield* console.node("odd")).status, "up")
      yield* isWell(console)
      const { code, stderr, stdout } = yield* console.stop("SIGTERM")
      assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
      assert.notInclude(stdout, '"ERROR"')
    })
  )
})
