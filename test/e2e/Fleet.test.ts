/** `muster serve` over three real supervisords: batches, logs, updates, and nodes that start again. */
import { spawn } from "node:child_process"
import { join } from "node:path"
import { assert, describe } from "@effect/vitest"
import { Data, Effect, Redacted, Schema } from "effect"
import { LogChunk } from "../../core/domain/Log.ts"
import { BatchView, OperationResult } from "../../core/domain/Operation.ts"
import { ConfigDiff, UpdateResult } from "../../core/domain/Update.ts"
import { eventually } from "../core/local/RealProcesses.ts"
import { post } from "../support/ConsoleRequest.ts"
import { killMarked, newMark, signal } from "../../runtime/real/MarkedProcesses.ts"
import { reaches, type RealConsole, start as startConsole } from "../support/RealConsole.ts"
import { itReal, type RealSupervisord, start as startSupervisord } from "../support/RealSupervisord.ts"
import { temporaryFile } from "../support/TemporaryFolder.ts"
import { connect, type WsClient } from "../support/WsClient.ts"

/** Ignores TERM; the shell's child may not, so it waits in the shell itself. */
const stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(1000)\n"

/** Says what it is sent; writes what no XML can hold, and half of a character, when asked. */
const talker = `import os, signal, sys
signal.signal(signal.SIGHUP, lambda *_: os.write(1, b"hup\\n"))
os.write(1, b"ready\\n")
while True:
    try:
        line = sys.stdin.buffer.readline()
    except InterruptedError:
        continue
    if line == b"":
        break
    elif line == b"spoil\\n":
        os.write(1, b"a\\x00\\x01b\\x1b[31mred\\x1b[0m]]>&<\\xff\\n")
    elif line == b"half\\n":
        os.write(1, b"\\xf0\\x9f\\xa6")
    elif line == b"rest\\n":
        os.write(1, b"\\x80 crab\\n")
    elif line == b"many\\n":
        for i in range(400):
            os.write(1, b"line %d\\n" % i)
    else:
        os.write(1, b"got " + line)
`

const sleeper = "command=/bin/sleep 1000\nstartsecs=0\n"

const programs = `
[program:good]
${sleeper}
[program:stubborn]
command=/usr/bin/python3 %(here)s/stubborn.py
startsecs=1
stopwaitsecs=2
[program:flapping]
command=/bin/sh -c 'sleep 0.2; exit 1'
autostart=false
startsecs=1
startretries=1
[program:broken]
command=/nonexistent/program
autostart=false
[program:talker]
command=/usr/bin/python3 -u %(here)s/talker.py
startsecs=0
stdout_logfile=%(here)s/talker.log
stdout_logfile_maxbytes=2000
stdout_logfile_backups=1
[program:quiet]
${sleeper}stdout_logfile=NONE
stderr_logfile=NONE
`

const files = { "stubborn.py": stubborn, "talker.py": talker }

const config = (nodes: ReadonlyArray<RealSupervisord>) =>
  temporaryFile(
    "muster.toml",
    '[poll]\ninterval = "300ms"\ndeadline = "2s"\nbreaker_failures = 3\nbreaker_open = "1500ms"\n' +
      nodes
        .map(
          ({ password, url, username }, i) =>
            `[[nodes]]\nname = "n${i + 1}"\nurl = "${url}"\nusername = "${username}"\n` +
            `password = ${JSON.stringify(Redacted.value(password))}\n`
        )
        .join("")
  )

const fleetOf = Effect.fnUntraced(function* (count: number) {
  const nodes = yield* Effect.all(
    Array.from({ length: count }, () => startSupervisord({ programs, files })),
    { concurrency: 3 }
  )
  const console = yield* startConsole({ config: yield* config(nodes) })
  for (let i = 1; i <= count; i++) yield* reaches(console, "RUNNING", `n${i}`, "stubborn", "stubborn")
  return { console, nodes }
})

class OddAnswer extends Data.TaggedError("OddAnswer")<{ readonly message: string }> {}

const decoded = <A>(schema: Schema.Codec<A, unknown>, answer: { readonly status: number; readonly body: unknown }) =>
  Effect.mapError(
    Schema.decodeUnknownEffect(schema)(answer.body),
    ({ message }) => new OddAnswer({ message: `status ${answer.status}: ${JSON.stringify(answer.body)}: ${message}` })
  )

const batch = Effect.fnUntraced(function* (console: RealConsole, request: Readonly<Record<string, unknown>>) {
  const answer = yield* post(console.url, "/api/batches", request)
  return { status: answer.status, batch: yield* decoded(BatchView, answer) }
})

const statesOf = ({ items }: BatchView) => items.map(({ node, state }) => `${node} ${state}`)

const pidsOf = (console: RealConsole, program: string) =>
  Effect.forEach(["n1", "n2", "n3"], (node) => Effect.map(console.process(node, program, program), ({ pid }) => pid))

const group = (name: string) => [{ group: name }]

describe("batches over three supervisords", () => {
  itReal(
    "restart, skip, fail and cancel as asked",
    () =>
      Effect.gen(function* () {
        const { console } = yield* fleetOf(3)
        const restartGood = { operation: { kind: "restart" }, select: group("good"), wait: true }
        const before = yield* pidsOf(console, "good")

        const dry = yield* batch(console, { ...restartGood, dry_run: true })
        assert.deepStrictEqual([dry.status, dry.batch.status, dry.batch.id], [200, "planned", 0])
        assert.deepStrictEqual(statesOf(dry.batch), ["n1 pending", "n2 pending", "n3 pending"])
        assert.deepStrictEqual(yield* pidsOf(console, "good"), before)

        for (const mode of ["parallel", "rolling", "canary"]) {
          const old = yield* pidsOf(console, "good")
          const { batch: ended, status } = yield* batch(console, { ...restartGood, mode, concurrency: 1 })
          assert.deepStrictEqual([status, ended.status], [200, "done"], JSON.stringify(ended))
          yield* eventually(pidsOf(console, "good"), (pids) => pids.every((pid, i) => pid > 0 && pid !== old[i]))
        }

        // Everything that has ended by the timeouts of the programs alone runs side by side.
        const [stopped, flapped, broken] = yield* Effect.all(
          [
            batch(console, { operation: { kind: "stop" }, select: group("stubborn"), wait: true }),
            batch(console, { operation: { kind: "start" }, select: group("flapping"), wait: true }),
            batch(console, { operation: { kind: "start" }, select: group("broken"), mode: "canary", wait: true })
          ],
          { concurrency: 3 }
        )
        assert.deepStrictEqual(statesOf(stopped.batch), ["n1 done", "n2 done", "n3 done"])
        assert.deepStrictEqual(statesOf(flapped.batch), ["n1 failed", "n2 failed", "n3 failed"])
        assert.deepInclude(flapped.batch, { status: "failed", stopped_early: false })
        assert.deepStrictEqual(statesOf(broken.batch).slice(1), ["n2 skipped", "n3 skipped"])
        assert.include(["failed", "error"], broken.batch.items[0]?.state)
        assert.deepInclude(broken.batch, { status: "failed", stopped_early: true })

        const mixed = yield* batch(console, {
          operation: { kind: "start" },
          select: [{ node: "n1", group: "flapping" }, { group: "stubborn" }],
          mode: "rolling",
          concurrency: 1,
          stop_after_failures: 1,
          wait: true
        })
        assert.deepInclude(mixed.batch, { status: "failed", stopped_early: true })
        assert.strictEqual(mixed.batch.counts["failed"], 1)
        assert.isAbove(mixed.batch.counts["skipped"] ?? 0, 0)

        yield* batch(console, { operation: { kind: "start" }, select: group("stubborn"), wait: true })
        const old = yield* pidsOf(console, "stubborn")
        const { batch: begun, status } = yield* batch(console, {
          operation: { kind: "restart" },
          select: group("stubborn"),
          mode: "rolling",
          concurrency: 1
        })
        assert.strictEqual(status, 202)
        const look = Effect.flatMap(console.request("GET", `/api/batches/${begun.id}`), (answer) =>
          decoded(BatchView, answer)
        )
        yield* eventually(look, ({ items }) => items[0]?.state === "running")
        const cancelled = yield* Effect.flatMap(post(console.url, `/api/batches/${begun.id}/cancel`), (answer) =>
          decoded(BatchView, answer)
        )
        assert.deepInclude(cancelled, { status: "cancelled" })
        assert.deepStrictEqual(statesOf(cancelled), ["n1 cancelled", "n2 cancelled", "n3 cancelled"])
        const again = yield* post(console.url, `/api/batches/${begun.id}/cancel`)
        assert.deepStrictEqual(again.body, cancelled)
        // A later operation takes its turn: what was cancelled holds nothing.
        const after = yield* post(console.url, "/api/nodes/n2/processes/stubborn/stubborn/signal", { signal: "USR2" })
        assert.strictEqual(after.status, 200)
        assert.strictEqual((yield* pidsOf(console, "stubborn"))[2], old[2])

        const nothing = yield* post(console.url, "/api/batches", { ...restartGood, select: group("nobody") })
        assert.deepInclude(nothing.body, { code: "nothing_selected" })
        assert.strictEqual(nothing.status, 409)
      }),
    { timeoutMs: 60_000 }
  )
})

const at = (more: string) => `/api/nodes/n1/processes/talker/talker/${more}`

const say = (console: RealConsole, chars: string) =>
  Effect.flatMap(post(console.url, at("stdin"), { chars }), (answer) => decoded(OperationResult, answer))

const log = (console: RealConsole, query = "") =>
  Effect.flatMap(console.request("GET", `${at("log")}${query}`), (answer) => decoded(LogChunk, answer))

const textOf = (value: unknown): string => (typeof value === "string" ? value : "")

/** All text of the log that a client follows so far, and its notes. */
const followed = ({ frames }: WsClient) => {
  const logs = frames.filter(({ type }) => type === "log")
  return {
    text: logs.map((frame) => textOf(frame["text"])).join(""),
    notes: logs.flatMap((frame) => (frame["note"] === undefined ? [] : [frame["note"]]))
  }
}

const following = (client: WsClient, holds: (seen: ReturnType<typeof followed>) => boolean) =>
  eventually(
    Effect.sync(() => followed(client)),
    holds
  )

describe("logs, signals and stdin of a real supervisord through the console", () => {
  itReal(
    "carry whatever bytes there are, over rotation and clearing",
    () =>
      Effect.gen(function* () {
        const { console } = yield* fleetOf(1)
        const client = yield* connect(console.url)
        const wanted = { node: "n1", group: "talker", name: "talker", channel: "stdout" }
        yield* client.send(JSON.stringify({ type: "subscribe", topics: [], logs: [wanted] }))
        yield* client.frame(({ type }) => type === "subscribed")
        yield* following(client, ({ notes }) => notes.includes("began"))

        assert.strictEqual((yield* say(console, "héllo \u{1f980}\n")).outcome, "done")
        yield* following(client, ({ text }) => text.includes("got héllo \u{1f980}\n"))
        const signalled = yield* post(console.url, at("signal"), { signal: "HUP" })
        assert.strictEqual(signalled.status, 200)
        yield* following(client, ({ text }) => text.includes("hup\n"))

        yield* say(console, "spoil\n")
        yield* following(client, ({ text }) => text.includes("]]>&<\ufffd\n"))
        const spoilt = yield* eventually(log(console), ({ text }) => text.includes("]]>&<"))
        assert.include(spoilt.text, "red")

        yield* say(console, "half\n")
        yield* say(console, "rest\n")
        yield* following(client, ({ text }) => text.includes("\u{1f980} crab\n"))
        const whole = yield* log(console)
        assert.include(whole.text, "\u{1f980} crab\n")
        const cut = yield* log(console, `?offset=0&length=${whole.size - 7}`)
        // The character that was cut belongs to the next chunk, and what was never one to this.
        assert.match(cut.text, /<\ufffd\n$/)
        assert.strictEqual(cut.next, whole.size - 10)

        const cleared = yield* Effect.flatMap(post(console.url, at("clear_log")), (answer) =>
          decoded(OperationResult, answer)
        )
        assert.strictEqual(cleared.outcome, "done")
        assert.deepInclude(yield* log(console, `?offset=${whole.size}`), { offset: 0, rotated: true })
        assert.strictEqual((yield* log(console)).text, "")

        yield* say(console, "cleared\n")
        yield* following(client, (seen) => seen.text.includes("got cleared\n"))
        // Past its limit of bytes. What is rotated away between two looks of supervisord it sends to no follower and
        // tells of nothing, so only reading is sure to go on.
        yield* say(console, "many\n")
        yield* say(console, "end\n")
        const rotated = yield* eventually(log(console), ({ text }) => text.includes("got end\n"))
        assert.isBelow(rotated.size, 3_000)
        assert.deepInclude(yield* log(console, "?offset=1000000"), { offset: 0, rotated: true })
        const numbers = [...followed(client).text.matchAll(/^line (\d+)$/gm)].map(([, number]) => Number(number))
        assert.deepStrictEqual(
          numbers,
          numbers.toSorted((a, b) => a - b)
        )
        assert.strictEqual(new Set(numbers).size, numbers.length)

        const stopped = yield* console.operate("stop", "n1", "talker", "talker")
        assert.strictEqual(stopped.outcome, "done")
        const deaf = yield* post(console.url, at("stdin"), { chars: "x\n" })
        assert.deepInclude(deaf.body, { code: "node_refused" })
        assert.strictEqual(deaf.status, 409)
        const kept = yield* Effect.flatMap(post(console.url, at("clear_log")), (answer) =>
          decoded(OperationResult, answer)
        )
        assert.strictEqual(kept.outcome, "failed")
        const quiet = yield* console.request("GET", "/api/nodes/n1/processes/quiet/quiet/log")
        assert.deepInclude(quiet.body, { text: "", size: 0 })
        const empty = yield* post(console.url, "/api/nodes/n1/processes/quiet/quiet/clear_log")
        assert.deepInclude(empty.body, { outcome: "unchanged" })
        const unknown = yield* post(console.url, at("signal"), { signal: "NOSUCH" })
        assert.strictEqual(unknown.status, 409)
        assert.strictEqual((yield* console.node("n1")).status, "up")
      }),
    { timeoutMs: 40_000 }
  )
})

describe("an update of a real supervisord through the console", () => {
  itReal(
    "shows what it would change, changes it, and has nothing to do then",
    () =>
      Effect.gen(function* () {
        const { console, nodes } = yield* fleetOf(1)
        const [node] = nodes
        if (node === undefined) return assert.fail("no node")
        yield* node.configure(
          programs
            .replace(/\[program:quiet\][^]*/, "")
            .replace("[program:good]\n", "[program:good]\npriority=5\n")
            .concat(`[program:added]\n${sleeper}[program:missing]\ncommand=/nonexistent/program\nstartretries=0\n`)
        )
        const preview = yield* Effect.flatMap(console.request("GET", "/api/nodes/n1/update"), (answer) =>
          decoded(ConfigDiff, answer)
        )
        assert.deepStrictEqual(
          { ...preview, added: preview.added.toSorted() },
          { added: ["added", "missing"], changed: ["good"], removed: ["quiet"] }
        )
        const { pid } = yield* console.process("n1", "good", "good")
        const { groups } = yield* Effect.flatMap(post(console.url, "/api/nodes/n1/update"), (answer) =>
          decoded(UpdateResult, answer)
        )
        const outcomes = groups.map(({ change, group: name, outcome }) => `${name} ${change} ${outcome}`).toSorted()
        assert.deepStrictEqual(outcomes, [
          "added added done",
          "good changed done",
          "missing added failed",
          "quiet removed done"
        ])
        yield* reaches(console, "RUNNING", "n1", "added", "added")
        const changed = yield* eventually(console.process("n1", "good", "good"), (process) => process.pid !== pid)
        assert.strictEqual(changed.state, "RUNNING")
        yield* eventually(console.request("GET", "/api/nodes/n1/processes/quiet/quiet"), ({ status }) => status === 404)
        const nothing = yield* console.request("GET", "/api/nodes/n1/update")
        assert.deepStrictEqual(nothing.body, { added: [], changed: [], removed: [] })
        yield* node.configure("[program:broken]\n")
        const refused = yield* console.request("GET", "/api/nodes/n1/update")
        assert.strictEqual(refused.status, 409)
        assert.deepInclude(refused.body, { code: "node_refused" })
      }),
    { timeoutMs: 40_000 }
  )
})

/** Another supervisord with the same configuration and so at the same port, ended with the scope. */
const startedAgain = (node: RealSupervisord) =>
  Effect.suspend(() => {
    const mark = newMark()
    return Effect.acquireRelease(
      Effect.sync(() =>
        spawn("supervisord", ["-n", "-c", join(node.folder, "supervisord.conf")], {
          cwd: node.folder,
          env: { ...process.env, ...mark },
          stdio: "ignore"
        })
      ),
      () => killMarked(mark)
    )
  })

describe("a supervisord that starts again", () => {
  itReal(
    "is another life of its node, and the breaker opens and closes around its absence",
    () =>
      Effect.gen(function* () {
        const { console, nodes } = yield* fleetOf(1)
        const [node] = nodes
        if (node === undefined) return assert.fail("no node")
        const client = yield* connect(console.url)
        yield* client.frame(({ type }) => type === "snapshot")
        assert.strictEqual((yield* console.node("n1")).incarnation, 1)

        // As `supervisorctl reload` does: the same process, another life.
        yield* node.supervisorctl("reload")
        const reloaded = yield* client.frame(({ type }) => type === "node.restarted", 20_000)
        assert.deepInclude(reloaded, { node: "n1", incarnation: 2 })
        yield* eventually(console.node("n1"), ({ incarnation, status }) => status === "up" && incarnation === 2)
        yield* reaches(console, "RUNNING", "n1", "good", "good")

        signal(node.pid, "SIGKILL")
        const down = yield* eventually(
          console.node("n1"),
          ({ breaker, status }) => status === "down" && breaker?.state === "open"
        )
        assert.strictEqual(down.reason?.code, "Unreachable")
        assert.isTrue(down.stale)
        assert.isFalse(Number.isNaN(Date.parse(down.breaker?.retry_at ?? "")))
        const refused = yield* post(console.url, "/api/nodes/n1/processes/good/good/restart")
        assert.include([503, 502], refused.status)
        if (refused.status === 503) {
          assert.deepInclude(refused.body, { code: "node_circuit_open" })
          assert.isAtLeast(Number(refused.headers.get("retry-after")), 1)
        }
        yield* startedAgain(node)
        const back = yield* eventually(
          console.node("n1"),
          ({ breaker, status }) => status === "up" && breaker?.state === "closed"
        )
        assert.deepInclude(back, { incarnation: 3, stale: false })
        assert.notStrictEqual(back.identity?.pid, node.pid)
        const last = yield* client.frame((frame) => frame.type === "node.restarted" && frame["incarnation"] === 3)
        assert.include(String(last["why"]), "process id")
        const restarted = yield* console.operate("restart", "n1", "good", "good")
        assert.strictEqual(restarted.outcome, "done")
      }),
    { timeoutMs: 60_000 }
  )
})
