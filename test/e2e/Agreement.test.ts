/**
 * Agreement of a real console with the real supervisorctl: random operations from several clients at once on programs
 * that behave well and badly, on two nodes; whenever all is at rest, both tell the same states and process ids.
 *
 * MUSTER_AGREEMENT_OPERATIONS is how many operations, 60 unless it says otherwise; MUSTER_AGREEMENT_SEED is the seed
 * that they are drawn from, 1 by default. The seed fixes what is asked, not when: this runs on the real clock.
 */
import { assert, describe } from "@effect/vitest"
import { Effect, Redacted, Schedule, Schema } from "effect"
import { ProcessInfo } from "../../core/domain/Process.ts"
import { Prng } from "../../sim/Prng.ts"
import { type Asked, operate, type Told } from "../support/ConsoleOperation.ts"
import { type RealConsole, start as startConsole } from "../support/RealConsole.ts"
import { itReal, type RealSupervisord, start as startSupervisord } from "../support/RealSupervisord.ts"
import { temporaryFile } from "../support/TemporaryFolder.ts"

const total = Number(process.env["MUSTER_AGREEMENT_OPERATIONS"] ?? 60)
const seed = Number(process.env["MUSTER_AGREEMENT_SEED"] ?? 1)
const clients = 6

/** Operations between two looks at rest. */
const perRound = Math.max(20, Math.ceil(total / 20))
const pollMs = 300

/** Starts and crashes twice, and stays up the third time. */
const flapping = `
n=$(cat "$0.count" 2>/dev/null || echo 0)
echo $(((n + 1) % 3)) > "$0.count"
[ "$n" = 2 ] && exec sleep 1000
sleep 0.3
exit 1
`

const programs = `
[program:steady]
command=/bin/sleep 1000
startsecs=0
[program:careful]
command=/bin/sleep 1000
startsecs=1
[program:slow]
command=/bin/sh -c 'trap "sleep 1; exit 0" TERM; while :; do sleep 0.1; done'
startsecs=0
stopwaitsecs=20
[program:flapping]
command=/bin/sh %(here)s/flapping.sh
startsecs=0
autorestart=true
[program:quits]
command=/bin/true
startsecs=0
autorestart=unexpected
[program:failing]
command=/bin/sh -c 'sleep 0.2; exit 3'
startsecs=1
startretries=1
`
const names = ["steady", "careful", "slow", "flapping", "quits", "failing"] as const

type Nodes = Readonly<Record<string, RealSupervisord>>

/** `name state pid` of each process, pid 0 when none runs, by name. */
type Statuses = ReadonlyArray<string>

/** States that a process leaves by itself. */
const passing = /STARTING|STOPPING|BACKOFF/

const bySupervisorctl = (node: RealSupervisord): Effect.Effect<Statuses, unknown> =>
  Effect.map(node.supervisorctl("status"), ({ output }) => {
    const lines = output.trim().split("\n")
    assert.strictEqual(lines.length, names.length, output)
    return lines
      .map((line) => {
        const [, name = "", state = "", pid = "0"] = /^(\S+)\s+([A-Z]+)(?:\s+pid (\d+),)?/.exec(line) ?? []
        return `${name} ${state} ${pid}`
      })
      .toSorted()
  })

const Processes = Schema.Struct({ processes: Schema.Array(ProcessInfo) })

const byConsole = (console: RealConsole, node: string): Effect.Effect<Statuses, unknown> =>
  console.request("GET", `/api/nodes/${node}/processes`).pipe(
    Effect.flatMap(({ body }) => Schema.decodeUnknownEffect(Processes)(body)),
    Effect.map(({ processes }) => processes.map(({ name, pid, state }) => `${name} ${state} ${pid}`).toSorted())
  )

/** Longer than a flapping program stays up. */
const restMs = 800
const waits = { restMs: 30_000, agreementMs: 3_000 } as const

/** What supervisorctl says once it says the same twice and nothing is on its way to another state. */
const atRest = (node: RealSupervisord): Effect.Effect<Statuses, unknown> =>
  Effect.gen(function* () {
    const before = yield* bySupervisorctl(node)
    yield* Effect.sleep(restMs)
    const after = yield* bySupervisorctl(node)
    const story = `${before.join(", ")} and then ${after.join(", ")}`
    if (passing.test(story) || before.join() !== after.join()) return yield* Effect.fail(`no rest: ${story}`)
    return after
  }).pipe(Effect.retry(Schedule.spaced("50 millis").pipe(Schedule.upTo({ duration: waits.restMs }))))

/** Asserts that the console shows of each node what supervisorctl does, within the time that a poll may take. */
const agree = (console: RealConsole, nodes: Nodes, history: () => string) =>
  Effect.forEach(
    Object.entries(nodes),
    ([name, node]) =>
      Effect.gen(function* () {
        const expected = yield* atRest(node)
        const looked = Effect.flatMap(byConsole(console, name), (shown) =>
          shown.join() === expected.join() ? Effect.void : Effect.fail(shown)
        )
        const differing = yield* looked.pipe(
          Effect.retry(Schedule.spaced("50 millis").pipe(Schedule.upTo({ duration: waits.agreementMs }))),
          Effect.match({ onSuccess: () => undefined, onFailure: (shown) => shown })
        )
        if (differing !== undefined) assert.deepStrictEqual(differing, expected, `${name}, seed ${seed}:\n${history()}`)
      }),
    { concurrency: 2, discard: true }
  )

const draw = (random: Prng): Asked => {
  const pick = <A>(from: readonly [A, ...ReadonlyArray<A>]): A => from[random.below(from.length)] ?? from[0]
  const kind = pick(["start", "start", "stop", "restart", "restart", "signal"] as const)
  const name = pick(names)
  const asked = { kind, node: pick(["one", "two"]), group: name, name }
  return kind === "signal" ? { ...asked, signal: pick(["TERM", "KILL", "USR1", "SIGHUP"]) } : asked
}

/** What an answer may claim, by what was asked. Whether it is true is checked against supervisorctl, at rest. */
const isPossible = ({ kind }: Asked, told: Told): boolean => {
  if (told._tag === "refusal") return told.status === 409
  const { outcome, state } = told.result
  if (outcome === "failed") return kind !== "stop" && state === "FATAL"
  if (outcome === "timeout") return false
  if (kind === "signal") return true
  if (kind === "stop") return ["STOPPED", "EXITED", "FATAL"].includes(state)
  return ["RUNNING", "EXITED"].includes(state)
}

const summary = (told: Told): string =>
  told._tag === "refusal" ? `${told.status} ${told.code}` : `${told.result.outcome} ${told.result.state}`

const describeTold = (told: Told): string => {
  if (told._tag === "refusal") return `${summary(told)}, ${told.message}`
  const { detail, process } = told.result
  const { now, pid, start, stop } = process
  return `${summary(told)}, ${detail}; pid ${pid}, start ${start}, stop ${stop}, now ${now}`
}

const fleet = Effect.gen(function* () {
  const options = { programs, files: { "flapping.sh": flapping } }
  const [one, two] = yield* Effect.all([startSupervisord(options), startSupervisord(options)], { concurrency: 2 })
  const tables = Object.entries({ one: one.url, two: two.socketUrl }).map(
    ([name, url]) =>
      `[[nodes]]\nname = "${name}"\nurl = "${url}"\nusername = "user"\n` +
      `password = ${JSON.stringify(Redacted.value(one.password))}\n`
  )
  const settings = `[poll]\ninterval = "${pollMs}ms"\n[operations]\nobserve_interval = "100ms"\n`
  const console = yield* startConsole({ config: yield* temporaryFile("muster.toml", settings + tables.join("")) })
  return { console, nodes: { one, two } }
})

describe("muster serve and supervisorctl", () => {
  itReal(
    "tell the same of every process whenever it is at rest",
    () =>
      Effect.gen(function* () {
        const { console, nodes } = yield* fleet
        const random = new Prng(seed, 0)
        const lines: Array<string> = []
        const counts = new Map<string, number>()
        const history = () => lines.slice(-2 * perRound).join("\n")
        const ask = (asked: Asked) =>
          Effect.map(operate(console.url, asked), (told) => {
            const { kind, name, node, signal = "" } = asked
            lines.push(`${kind} ${signal} of ${node} ${name}: ${describeTold(told)}`)
            const answer = `${kind}: ${summary(told)}`
            counts.set(answer, (counts.get(answer) ?? 0) + 1)
            assert.isTrue(isPossible(asked, told), `seed ${seed}:\n${history()}`)
          })
        yield* agree(console, nodes, history)
        for (let asked = 0; asked < total; asked += perRound) {
          const round = Array.from({ length: Math.min(perRound, total - asked) }, () => draw(random))
          yield* Effect.forEach(round, ask, { concurrency: clients, discard: true })
          yield* agree(console, nodes, history)
        }
        assert.strictEqual(lines.length, total)
        // An operation of each kind had an effect.
        for (const kind of ["start", "stop", "restart"]) {
          assert.isTrue(
            Array.from(counts.keys()).some((answer) => answer.startsWith(`${kind}: done`)),
            JSON.stringify([...counts])
          )
        }
        if (total > 60) process.stdout.write(`${JSON.stringify(Object.fromEntries(counts), undefined, 1)}\n`)
      }),
    { timeoutMs: Math.max(60_000, total * 2_000) }
  )
})
