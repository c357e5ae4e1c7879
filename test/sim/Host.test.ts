/** A crash stops everything on its host where it is, and nothing anywhere else. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, PubSub, Queue, Ref } from "effect"
import * as Sim from "../../sim/Sim.ts"

const runs = 200

/** What the program gives, over many schedules; every run has to end well. */
const valuesOf = <A>(program: Effect.Effect<A, unknown, Sim.RunContext>, options: Sim.RunOptions = {}) => {
  const seen = new Map<string, number>()
  for (let seed = 0; seed < runs; seed++) {
    const { exit, message } = Sim.run(program, { ...options, seed })
    if (exit === undefined || Exit.isFailure(exit)) assert.fail(`seed ${seed}: ${message}`)
    const key = JSON.stringify(exit.value)
    seen.set(key, (seen.get(key) ?? 0) + 1)
  }
  return seen
}

const onlyValueOf = <A>(program: Effect.Effect<A, unknown, Sim.RunContext>, options: Sim.RunOptions = {}) => {
  const seen = Array.from(valuesOf(program, options).keys())
  assert.strictEqual(seen.length, 1, seen.join(" and "))
  const parsed: unknown = JSON.parse(seen[0] ?? "null")
  return parsed
}

/** How it ended, in a word. */
const ending = (exit: Exit.Exit<unknown, unknown>): string => {
  if (Exit.isSuccess(exit)) return "done"
  return exit.cause.reasons
    .map((reason) => (reason._tag === "Fail" && reason.error instanceof Sim.Host.Crashed ? "crashed" : reason._tag))
    .join()
}

/** In the background, without a care for how it ends. */
const inBackground = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.forkChild(Effect.map(Effect.exit(effect), ending))

describe("a crash", () => {
  it("stops the fibers of its host without their finalizers, children and scopes included", () => {
    const program = Effect.gen(function* () {
      const host = yield* Sim.Host.make("box")
      const log: Array<string> = []
      const say = (word: string) => Effect.sync(() => void log.push(word))
      const server = Effect.gen(function* () {
        yield* Effect.addFinalizer(() => say("closed"))
        yield* Effect.forkScoped(Effect.onInterrupt(Effect.never, () => say("interrupted")))
        yield* Effect.forkDetach(Effect.andThen(Effect.sleep(5), say("detached")))
        yield* Effect.ensuring(Effect.sleep(10), say("ensured"))
        yield* say("late")
      }).pipe(Effect.scoped)
      const server1 = yield* inBackground(host.run(server))
      yield* Effect.sleep(1)
      yield* host.crash
      const ended = yield* Fiber.join(server1)
      yield* Effect.sleep(100)
      return [ended, ...log]
    })
    assert.deepStrictEqual(onlyValueOf(program, { leaks: "fail" }), ["crashed"])
  })

  it("gives Crashed with the name of the host, and the next run finds it up", () => {
    const program = Effect.gen(function* () {
      const host = yield* Sim.Host.make("box")
      const fiber = yield* Effect.forkChild(Effect.flip(host.run(Effect.never)))
      yield* Effect.sleep(1)
      yield* host.crash
      const error = yield* Fiber.join(fiber)
      return [error instanceof Sim.Host.Crashed, error.message, yield* host.run(Effect.succeed("again"))]
    })
    assert.deepStrictEqual(onlyValueOf(program), [true, "box crashed", "again"])
  })

  it("is survived by other hosts, by what they run for the dead, and by the scenario", () => {
    const program = Effect.gen(function* () {
      const [a, b] = [yield* Sim.Host.make("a"), yield* Sim.Host.make("b")]
      const saved = yield* Ref.make(0)
      const onA = yield* inBackground(a.run(Effect.sleep(10)))
      const onB = yield* inBackground(b.run(Effect.sleep(10)))
      const forA = yield* inBackground(a.run(b.run(Effect.andThen(Effect.sleep(10), Ref.set(saved, 1)))))
      yield* Effect.sleep(1)
      yield* a.crash
      const ended = [yield* Fiber.join(onA), yield* Fiber.join(onB), yield* Fiber.join(forA)]
      yield* Effect.sleep(20)
      return [...ended, yield* Ref.get(saved)]
    })
    assert.deepStrictEqual(onlyValueOf(program), ["crashed", "done", "crashed", 1])
  })

  it("keeps what is completed for the dead from running them", () => {
    const program = Effect.gen(function* () {
      const host = yield* Sim.Host.make("box")
      const gate = yield* Deferred.make<void>()
      const seen: Array<string> = []
      const waiter = yield* inBackground(
        host.run(
          Effect.andThen(
            Deferred.await(gate),
            Effect.sync(() => seen.push("ran"))
          )
        )
      )
      yield* Effect.sleep(1)
      yield* host.crash
      yield* Deferred.succeed(gate, undefined)
      yield* Effect.sleep(5)
      return [yield* Fiber.join(waiter), ...seen]
    })
    assert.deepStrictEqual(onlyValueOf(program), ["crashed"])
  })

  it("of one whose fiber completed what the crasher waited for, on its own stack, stops it there", () => {
    const program = Effect.gen(function* () {
      const host = yield* Sim.Host.make("box")
      const gate = yield* Deferred.make<void>()
      const log: Array<string> = []
      const say = (word: string) => Effect.sync(() => void log.push(word))
      const crasher = yield* Effect.forkChild(
        Deferred.await(gate).pipe(Effect.andThen(host.crash), Effect.andThen(say("crashed")))
      )
      const completer = Deferred.succeed(gate, undefined).pipe(
        Effect.andThen(say("after")),
        Effect.andThen(say("last"))
      )
      const onHost = yield* inBackground(host.run(Effect.andThen(Effect.sleep(1), completer)))
      yield* Fiber.join(crasher)
      const ended = yield* Fiber.join(onHost)
      yield* Effect.sleep(5)
      return [ended, ...log]
    })
    const seen = valuesOf(program)
    for (const key of seen.keys()) {
      // Once the crash is over nothing of the host is logged any more.
      assert.match(key, /^\["(?:crashed|done)",(?:"after",)?(?:"last",)?"crashed"\]$/)
    }
    assert.isAbove(seen.get('["crashed","crashed"]') ?? 0, 0)
    assert.isAbove(seen.size, 2)
  })

  it("does what the outside has to do in its order, once for each crash, until its scope closes", () => {
    const program = Effect.gen(function* () {
      const host = yield* Sim.Host.make("box")
      const log: Array<string> = []
      const say = (word: string) =>
        Effect.andThen(
          Effect.yieldNow,
          Effect.sync(() => void log.push(word))
        )
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* host.onCrash(say("disk"))
          yield* host.onCrash(say("network"))
          yield* host.crash
          yield* host.onCrash(say("database"))
          yield* host.crash
        })
      )
      yield* host.crash
      return log
    })
    assert.deepStrictEqual(onlyValueOf(program), ["disk", "network", "disk", "network", "database"])
  })

  it("does not give Crashed before the outside is done", () => {
    const program = Effect.gen(function* () {
      const host = yield* Sim.Host.make("box")
      const log: Array<string> = []
      yield* host.onCrash(
        Effect.andThen(
          Effect.sleep(3),
          Effect.sync(() => void log.push("outside"))
        )
      )
      const fiber = yield* Effect.forkChild(
        Effect.andThen(
          Effect.exit(host.run(Effect.never)),
          Effect.sync(() => void log.push("crashed"))
        )
      )
      yield* Effect.sleep(1)
      yield* host.crash
      yield* Fiber.join(fiber)
      return log
    }).pipe(Effect.scoped)
    assert.deepStrictEqual(onlyValueOf(program), ["outside", "crashed"])
  })

  it("of another host from a host is a crash like any other", () => {
    const program = Effect.gen(function* () {
      const [a, b] = [yield* Sim.Host.make("a"), yield* Sim.Host.make("b")]
      const onA = yield* inBackground(a.run(Effect.never))
      yield* Effect.sleep(1)
      yield* b.run(a.crash)
      return yield* Fiber.join(onA)
    })
    assert.strictEqual(onlyValueOf(program), "crashed")
  })

  it("is counted and told", () => {
    const program = Effect.flatMap(Sim.Host.make("box"), (host) => Effect.andThen(host.crash, host.crash))
    const { faults, told } = Sim.run(program, { record: true })
    assert.strictEqual(faults.get("crash"), 2)
    assert.deepStrictEqual(
      told.map(({ text }) => text),
      ["fault: box crashes", "fault: box crashes"]
    )
  })
})

describe("what the dead shared with the living", () => {
  it("a queue goes on, whoever of them waited first", () => {
    for (const deadFirst of [true, false]) {
      for (const capacity of [1, 8]) {
        const program = Effect.gen(function* () {
          const host = yield* Sim.Host.make("box")
          const queue = yield* Queue.bounded<number>(capacity)
          const got: Array<number> = []
          const take = Effect.forever(Effect.map(Queue.take(queue), (n) => got.push(n)))
          const dead = Effect.exit(host.run(Effect.forever(Queue.take(queue))))
          yield* Effect.forkChild(deadFirst ? dead : Effect.exit(take))
          yield* Effect.sleep(1)
          yield* Effect.forkChild(deadFirst ? Effect.exit(take) : dead)
          yield* Effect.sleep(1)
          yield* host.crash
          yield* Queue.offer(queue, 1)
          yield* Effect.sleep(1)
          yield* Queue.offerAll(queue, [2, 3])
          yield* Effect.sleep(1)
          return got
        })
        assert.deepStrictEqual(onlyValueOf(program), [1, 2, 3])
      }
    }
  })

  it("a queue goes on whose offerer died at any moment", () => {
    const program = Effect.gen(function* () {
      const host = yield* Sim.Host.make("box")
      const queue = yield* Queue.bounded<number>(4)
      const got: Array<number> = []
      const accepted: Array<number> = []
      yield* Effect.forkChild(Effect.forever(Effect.map(Queue.take(queue), (n) => got.push(n))))
      yield* Effect.sleep(1)
      const offer = (n: number) => Effect.map(Queue.offer(queue, n), () => accepted.push(n))
      const offerer = yield* inBackground(host.run(Effect.forEach([1, 2, 3], offer)))
      const crash = yield* Effect.forkChild(host.crash)
      yield* Fiber.join(crash)
      yield* Fiber.join(offerer)
      yield* Queue.offer(queue, 100)
      yield* Effect.sleep(1)
      return [got.includes(100), accepted.every((n) => got.includes(n)) ? "kept" : "lost"]
    })
    assert.deepStrictEqual(onlyValueOf(program), [true, "kept"])
  })

  it("a hub goes on whose subscriber died", () => {
    const program = Effect.gen(function* () {
      const host = yield* Sim.Host.make("box")
      const hub = yield* PubSub.unbounded<number>()
      const mine = yield* PubSub.subscribe(hub)
      const theirs = Effect.flatMap(PubSub.subscribe(hub), (subscription) => Effect.forever(PubSub.take(subscription)))
      const dead = yield* inBackground(host.run(Effect.scoped(theirs)))
      yield* Effect.sleep(1)
      yield* host.crash
      const ended = yield* Fiber.join(dead)
      yield* PubSub.publishAll(hub, [1, 2])
      return [ended, yield* PubSub.take(mine), yield* PubSub.take(mine)]
    }).pipe(Effect.scoped)
    assert.deepStrictEqual(onlyValueOf(program), ["crashed", 1, 2])
  })
})

describe("run", () => {
  it("gives what the effect gives, however it ends", () => {
    const program = Effect.gen(function* () {
      const host = yield* Sim.Host.make("box")
      const exits = [Effect.succeed(1), Effect.fail("no"), Effect.die("bad"), Effect.interrupt].map((effect) =>
        Effect.map(Effect.exit(host.run<number, string, never>(effect)), ending)
      )
      return yield* Effect.all(exits)
    })
    assert.deepStrictEqual(onlyValueOf(program), ["done", "Fail", "Die", "Interrupt"])
  })

  it("that is interrupted interrupts the effect and waits for its finalizers", () => {
    const program = Effect.gen(function* () {
      const host = yield* Sim.Host.make("box")
      const log: Array<string> = []
      const onHost = Effect.onInterrupt(Effect.never, () =>
        Effect.andThen(
          Effect.sleep(3),
          Effect.sync(() => void log.push("finalized"))
        )
      )
      const fiber = yield* Effect.forkChild(host.run(onHost))
      yield* Effect.sleep(1)
      yield* Fiber.interrupt(fiber)
      return [...log, "interrupted"]
    })
    assert.deepStrictEqual(onlyValueOf(program, { leaks: "fail" }), ["finalized", "interrupted"])
  })

  it("of one effect beside another shares the host's fate and nothing else", () => {
    const program = Effect.gen(function* () {
      const host = yield* Sim.Host.make("box")
      const [first, second] = [
        yield* inBackground(host.run(Effect.sleep(2))),
        yield* inBackground(host.run(Effect.sleep(9)))
      ]
      yield* Effect.sleep(5)
      yield* host.crash
      return [yield* Fiber.join(first), yield* Fiber.join(second)]
    })
    assert.deepStrictEqual(onlyValueOf(program), ["done", "crashed"])
  })
})

it("keeps simple invariants in 1,000 runs of a server that crashes at any moment", () => {
  const program = Effect.gen(function* () {
    const host = yield* Sim.Host.make("box")
    const disk = { written: 0, acknowledged: 0 }
    const write = Effect.gen(function* () {
      disk.written++
      yield* Effect.yieldNow
      disk.acknowledged++
    })
    yield* Sim.always("what is acknowledged is written", () =>
      disk.acknowledged > disk.written ? `${disk.acknowledged} of ${disk.written}` : undefined
    )
    const before = { acknowledged: -1 }
    for (let i = 0; i < 3; i++) {
      const server = yield* inBackground(host.run(Effect.all([write, write, write])))
      yield* Effect.yieldNow
      yield* host.crash
      if ((yield* Fiber.join(server)) === "done") yield* Sim.sometimes("in time")
      else yield* Sim.sometimes(disk.acknowledged > before.acknowledged ? "half way" : "at once")
      before.acknowledged = disk.acknowledged
    }
  }).pipe(Effect.scoped)
  const { distinctTraces, failure, faults, runs: done, sometimes } = Sim.check(program, { runs: 1_000, leaks: "fail" })
  assert.isUndefined(failure?.message)
  assert.deepStrictEqual([done, faults.get("crash")], [1_000, 3_000])
  assert.isAbove(distinctTraces, 300)
  assert.isAbove(sometimes.get("in time") ?? 0, 0)
  assert.isAbove(sometimes.get("half way") ?? 0, 0)
})
