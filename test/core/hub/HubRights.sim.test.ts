/** Rights that are taken away, racing joins, subscriptions and broadcasts, under many schedules. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import type { Principal } from "../../../core/domain/Access.ts"
import type { FleetSnapshot } from "../../../core/domain/Node.ts"
import type { Client } from "../../../core/hub/Hub.ts"
import * as Sim from "../../../sim/Sim.ts"
import { person } from "../domain/People.ts"
import { event, logOf, logText, make } from "./FakeClient.ts"

const choose = (n: number) => Sim.choose("workload", n)

/** What nobody sees any more in the end. */
const secret = "vault"

const nodeOf = (name: string): FleetSnapshot["nodes"][number] => ({
  node: { name, kind: "supervisord", status: "up", since: "", stale: false, incarnation: 1, processes: {} },
  processes: []
})

const joinsMax = 3
const eventsMax = 6

const revoke = Effect.scoped(
  Effect.gen(function* () {
    const all = person("ada")
    const less = person("ada", [{ nodes: ["web"] }])
    let rights: Principal | undefined = all
    let isAnswered = false
    const leaked: Array<string> = []
    const clients: Array<{ readonly client: Client; readonly stream: string | undefined }> = []
    const fake = yield* make(
      {
        clientsMax: 9,
        clientsPerUserMax: 9,
        logsPerClientMax: 2,
        outboxFramesMax: 64,
        followMs: yield* choose(2),
        nodes: [nodeOf("web"), nodeOf(secret)],
        rights: { currentUnsafe: () => rights }
      },
      () => Effect.yieldNow
    )

    /** Takes what waits for the client: what was put there after the change was answered must not tell of it. */
    const take = (client: Client): ReadonlyArray<string> => {
      const texts = client.outbox.take().map(({ text }) => text)
      // What a client asked for itself is said back to it.
      const told = texts.filter((text) => text.includes(`"${secret}"`) && !/^\{"type":"(subscribed|error)"/.test(text))
      if (isAnswered) leaked.push(...told)
      return texts
    }
    const visit = Effect.gen(function* () {
      yield* Effect.sleep(yield* choose(4))
      // Let in with the rights of now, and joined a little later.
      const principal = rights ?? all
      yield* Effect.sleep(yield* choose(3))
      const since = (yield* choose(2)) === 0 ? {} : { since: 0 }
      const client = yield* fake.hub.join({ principal, ...since })
      const [hello] = take(client)
      clients.push({ client, stream: /"stream":"(\w+)"/.exec(hello ?? "")?.[1] })
      yield* Effect.sleep(yield* choose(3))
      yield* client.subscribe({ logs: [logOf(secret), logOf("web")] })
    }).pipe(Effect.orDie)
    const publish = Effect.gen(function* () {
      for (let seq = 1; seq <= eventsMax; seq++) {
        yield* Effect.sleep(yield* choose(3))
        yield* fake.publish(event(seq, seq % 2 === 0 ? "web" : secret), logText(logOf(secret), "no", seq))
      }
    })
    const change = Effect.gen(function* () {
      yield* Effect.sleep(yield* choose(8))
      // First into the copy in memory, then told.
      rights = (yield* choose(2)) === 0 ? less : undefined
      yield* Effect.yieldNow
      yield* fake.hub.rightsChanged(new Set(["id-ada"]))
      for (const { client } of clients) take(client)
      isAnswered = true
    })
    const visits = yield* Effect.forEach(Array.from({ length: joinsMax }), () => Effect.forkChild(visit))
    yield* Fiber.joinAll([...visits, yield* Effect.forkChild(publish), yield* Effect.forkChild(change)])
    yield* Effect.sleep(20)

    for (const { client, stream } of clients) {
      take(client)
      const closing = yield* Effect.timeoutOption(client.closing, 1)
      const isLimited = (stream?.length ?? 0) > 16
      if (closing._tag === "Some") yield* Sim.sometimes(`closed by ${closing.value.code}`)
      else if (rights === undefined || !isLimited) return yield* Effect.die("a client kept rights that were taken away")
      else yield* Sim.sometimes("joined with the rights of now")
      yield* client.close({ code: 1000, reason: "bye" })
      yield* client.gone
    }
    if (leaked.length > 0) return yield* Effect.die(`told after the change was answered: ${leaked.join()}`)
    if ((yield* fake.followed).length > 0) return yield* Effect.die("a log is followed for nobody")
  })
)

describe("rights in the simulator", () => {
  it("that were taken away let nothing more out, whatever was under way", () => {
    const { failure, sometimes } = Sim.check(revoke, { runs: 600, seed: 7 })
    assert.isUndefined(failure, `${failure?.message} ${failure?.token}`)
    assert.deepStrictEqual([...sometimes.keys()].toSorted(), [
      "closed by 4004",
      "closed by 4005",
      "joined with the rights of now"
    ])
  })
})
