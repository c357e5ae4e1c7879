/** Supervisors with planted bugs, each found by a check within a few runs, beside right ones that hold. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { ChildProcess } from "effect/process"
import * as Machine from "../../../sim/process/Machine.ts"
import { pass } from "../../../sim/Rules.ts"
import * as Sim from "../../../sim/Sim.ts"
import { command, onMachine, type Programs, table, type Test, textOf } from "./Worlds.ts"

const runs = 200

const found = (test: Test, programs: Programs) => Sim.check(onMachine(test, programs), { runs }).failure?.message

describe("a supervisor that collects the output of a job", () => {
  const programs: Programs = { job: { floodBytes: 200_000, runMs: 5 } }
  const enough = (text: string) => (text.length === 200_000 ? Effect.void : Effect.die(`${text.length} characters`))

  it("is caught when it waits for the exit before it reads", () => {
    const waitsFirst = Effect.gen(function* () {
      const handle = yield* command("job")
      yield* handle.exitCode
      yield* enough(yield* textOf(handle.stdout))
    })
    assert.match(found(waitsFirst, programs) ?? "", /^deadlock/)
  })

  it("holds when it reads meanwhile", () => {
    const readsMeanwhile = Effect.gen(function* () {
      const handle = yield* command("job")
      const text = yield* Effect.forkChild(textOf(handle.stdout))
      yield* handle.exitCode
      yield* enough(yield* Fiber.join(text))
    })
    assert.isUndefined(found(readsMeanwhile, programs))
  })
})

describe("a supervisor that restarts a server", () => {
  const programs: Programs = { server: { stopMs: 20, stdout: ["ready\n"] } }
  /** Never two at a time: they would fight for a port. */
  const alone = Effect.gen(function* () {
    const servers = yield* table
    if (servers.length > 1) return yield* Effect.die(`two servers: ${servers.join(", ")}`)
  })
  const ready = (handle: { readonly stdout: Stream.Stream<Uint8Array, unknown> }) => Stream.runHead(handle.stdout)

  it("is caught when it does not wait for the end of the old one", () => {
    const hasty = Effect.gen(function* () {
      const old = yield* command("server")
      yield* ready(old)
      yield* Effect.forkScoped(old.kill({ killSignal: "SIGTERM" }))
      yield* command("server")
      yield* alone
    })
    assert.match(found(hasty, programs) ?? "", /two servers/)
  })

  it("holds when it waits", () => {
    const patient = Effect.gen(function* () {
      const old = yield* command("server")
      yield* ready(old)
      yield* old.kill({ killSignal: "SIGTERM" })
      yield* command("server")
      yield* alone
    })
    assert.isUndefined(found(patient, programs))
  })
})

describe("a supervisor that ends what it has started", () => {
  /** A wrapper around a worker, which does not pass signals on. */
  const programs: Programs = { wrapper: { children: [{ ignores: ["SIGTERM"] }] } }
  const nothingLeft = Effect.gen(function* () {
    yield* Effect.sleep("1 minute")
    const left = yield* table
    if (left.length > 0) return yield* Effect.die(`left: ${left.join(", ")}`)
  })

  it("is caught when it leaves an orphan that ignores its signal", () => {
    const trusting = Effect.gen(function* () {
      yield* Effect.scoped(Effect.tap(ChildProcess.make("wrapper"), () => Effect.sleep(5)))
      yield* nothingLeft
    })
    assert.match(found(trusting, programs) ?? "", /left: wrapper \d+<1 running/)
  })

  it("holds when it kills what is left of the group", () => {
    const thorough = Effect.gen(function* () {
      const wrapper = ChildProcess.make("wrapper", [], { forceKillAfter: "5 seconds" })
      yield* Effect.scoped(Effect.tap(wrapper, () => Effect.sleep(5)))
      yield* nothingLeft
    })
    assert.isUndefined(found(thorough, programs))
  })
})

describe("a supervisor that sends one signal", () => {
  /** One signal in eight is lost. */
  const losing = Effect.gen(function* () {
    const context = yield* Sim.RunContext
    yield* (yield* Machine.Machine).rule(({ operation, signal }) =>
      operation === "signal" && signal === "SIGTERM" && context.choose("faults", 8) === 7 ? { _tag: "drop" } : pass
    )
  })
  const programs: Programs = { web: {} }

  it("is caught when a signal is lost", () => {
    const trusting = Effect.andThen(
      losing,
      Effect.scoped(Effect.asVoid(ChildProcess.make("web", { killSignal: "SIGTERM" })))
    )
    assert.match(found(trusting, programs) ?? "", /^deadlock/)
  })

  it("holds when SIGKILL follows", () => {
    const insisting = Effect.andThen(
      losing,
      Effect.scoped(Effect.asVoid(ChildProcess.make("web", { killSignal: "SIGTERM", forceKillAfter: "1 second" })))
    )
    assert.isUndefined(found(insisting, programs))
  })
})
