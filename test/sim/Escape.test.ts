/** Every global that leaves the simulated world is named with the place of its call, and is back after the run. */
import { readFileSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { afterEach, assert, describe, it, vi } from "@effect/vitest"
import { Effect, Exit, Fiber, HashSet, Layer, Random, Schema } from "effect"
import { HttpClient, HttpRouter, HttpServer } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { trapped } from "../../sim/Escape.ts"
import * as Network from "../../sim/net/Network.ts"
import * as SimHttpClient from "../../sim/net/SimHttpClient.ts"
import * as SimHttpServer from "../../sim/net/SimHttpServer.ts"
import * as Sim from "../../sim/Sim.ts"

afterEach(() => vi.useRealTimers())

const calls: ReadonlyArray<readonly [api: string, call: () => unknown]> = [
  ["Date.now", () => Date.now()],
  ["new Date()", () => new Date()],
  ["Date()", () => Date()],
  ["Math.random", () => Math.random()],
  ["performance.now", () => performance.now()],
  ["setTimeout", () => setTimeout(() => {}, 1)],
  ["setInterval", () => setInterval(() => {}, 1)],
  ["setImmediate", () => setImmediate(() => {})],
  ["queueMicrotask", () => queueMicrotask(() => {})],
  ["fetch", () => fetch("http://localhost")],
  ["a promise", () => Promise.resolve().then(() => {})],
  ["crypto.getRandomValues", () => crypto.getRandomValues(new Uint8Array(1))],
  ["crypto.randomUUID", () => crypto.randomUUID()]
]

const source = readFileSync(new URL(import.meta.url), "utf8").split("\n")

const descriptors = () =>
  [
    ...["Date", "setTimeout", "setInterval", "setImmediate", "queueMicrotask", "fetch"].map((key) =>
      Object.getOwnPropertyDescriptor(globalThis, key)
    ),
    Object.getOwnPropertyDescriptor(Math, "random"),
    Object.getOwnPropertyDescriptor(Date, "now"),
    Object.getOwnPropertyDescriptor(performance, "now"),
    Object.getOwnPropertyDescriptor(crypto, "randomUUID"),
    Object.getOwnPropertyDescriptor(Promise.prototype, "then")
  ] as const

describe("an escape", () => {
  it.each(calls)("through %s is named with its place, also when the program handles it", (api, call) => {
    const line = source.findIndex((text) => text.includes(`["${api}", () =>`)) + 1
    for (const program of [Effect.sync(call), Effect.ignoreCause(Effect.sync(call))]) {
      const { message, outcome } = Sim.run(program)
      assert.strictEqual(outcome, "escaped")
      assert.include(message, `through ${api} at `)
      assert.include(message, `test/sim/Escape.test.ts:${line}:`)
    }
  })

  it("by a promise is told with the fiber that waits for it", () => {
    const ask = Effect.fn("ask")(() => Effect.promise(() => Promise.resolve(1)))
    const { message, outcome } = Sim.run(
      Effect.gen(function* () {
        yield* Fiber.join(yield* Effect.forkChild(ask()))
      })
    )
    assert.strictEqual(outcome, "escaped")
    assert.match(message, /through a promise at fiber 1 in ask/)
  })

  it("by a promise is told alike in a recorded run", () => {
    const ask = Effect.withSpan(
      Effect.promise(() => Promise.resolve(1)),
      "ask"
    )
    for (const record of [false, true]) {
      assert.match(Sim.run(ask, { record }).message, /through a promise at fiber 0 in ask/)
    }
  })

  it("by a promise that fails leaves nothing that would end the process", async () => {
    const rejections: Array<unknown> = []
    const note = (reason: unknown) => void rejections.push(reason)
    process.on("unhandledRejection", note)
    for (const make of [
      () => Promise.reject(new Error("no")),
      () => Promise.all([Promise.resolve(1), Promise.resolve(2)])
    ]) {
      assert.strictEqual(Sim.run(Effect.tryPromise(make)).outcome, "escaped")
    }
    // Node tells of them when it has done all else.
    await new Promise((resolve) => setImmediate(resolve))
    process.off("unhandledRejection", note)
    assert.deepStrictEqual(rejections, [])
  })

  it("is the default randomness of Effect, in a runtime of the program's own", () => {
    const nested = Effect.sync(() => Effect.runSync(Random.nextIntBetween(0, 1_000)))
    assert.match(Sim.run(nested).message, /through Math\.random at .*Escape\.test\.ts/)
  })

  it("is no hash set of functions, whose order is the same in each run", () => {
    const orders = [1, 2, 3].map(() => {
      const { exit } = Sim.run(
        Effect.sync(() => {
          const made = Array.from({ length: 10 }, (_, i) => () => i)
          return Array.from(HashSet.fromIterable(made), (get) => get()).join()
        })
      )
      return exit !== undefined && Exit.isSuccess(exit) ? exit.value : "none"
    })
    assert.strictEqual(new Set(orders).size, 1)
    assert.include(orders[0], "9")
  })

  it("is no calculation with a date", () => {
    const program = Effect.sync(() => [new Date(5).getTime(), Date.UTC(2026, 0), new Date("2026-01-01").getFullYear()])
    assert.strictEqual(Sim.run(program).outcome, "done")
    assert.isTrue(Sim.run(Effect.sync(() => new Date(5) instanceof Date)).outcome === "done")
  })

  it("leaves every global as it was, however the run ends", () => {
    const before = descriptors()
    const programs = [Effect.void, Effect.die("no"), Effect.never, Effect.sync(() => Date.now())]
    for (const program of programs) Sim.run(program)
    assert.throws(
      () =>
        trapped(
          () => {
            throw new Error("out")
          },
          () => ""
        ),
      "out"
    )
    assert.deepStrictEqual(descriptors(), before)
    assert.isAbove(Date.now(), 0)
  })

  it("gives the false clock of a test back", () => {
    vi.useFakeTimers({ now: 1_000 })
    const { Date: before } = globalThis
    Sim.run(Effect.void)
    assert.strictEqual(globalThis.Date, before)
    assert.strictEqual(new Date().getTime(), 1_000)
  })
})

describe("what a console is made of stays inside", () => {
  it("HttpApi over the simulated network", () => {
    const Api = HttpApi.make("api").add(
      HttpApiGroup.make("things").add(HttpApiEndpoint.get("one", "/one", { success: Schema.Struct({ n: Schema.Int }) }))
    )
    const things = HttpApiBuilder.group(Api, "things", (handlers) =>
      handlers.handle("one", () => Effect.as(Effect.sleep(3), { n: 1 }))
    )
    const routes = HttpApiBuilder.layer(Api).pipe(Layer.provide(things))
    const server = HttpRouter.serve(routes).pipe(Layer.provide(SimHttpServer.layer({ host: "api", port: 80 })))
    const program = Effect.gen(function* () {
      const response = yield* HttpClient.get("http://api/one")
      const body = yield* response.json
      if (JSON.stringify(body) !== '{"n":1}') return yield* Effect.die(JSON.stringify(body))
    }).pipe(
      Effect.provide(
        Layer.merge(server, SimHttpClient.layer({ host: "me" })).pipe(
          Layer.provide(HttpServer.layerServices),
          Layer.provideMerge(Network.layer())
        )
      )
    )
    assert.isUndefined(Sim.check(program, { runs: 50 }).failure?.message)
  })

  it("a database in memory", () => {
    const program = Effect.sync(() => {
      const database = new DatabaseSync(":memory:")
      database.exec("create table t (n integer)")
      database.prepare("insert into t values (?)").run(7)
      const row = database.prepare("select n from t").get()
      database.close()
      return row?.["n"]
    })
    const { exit, outcome } = Sim.run(program)
    assert.strictEqual(outcome, "done")
    assert.isTrue(exit?._tag === "Success" && exit.value === 7)
  })
})
