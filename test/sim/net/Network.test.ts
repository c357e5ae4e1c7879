/** The network keeps its promises under every schedule and latency that is drawn. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Effect, Exit, Fiber, Option, Scope } from "effect"
import type { Connection } from "../../../sim/net/Connection.ts"
import * as Network from "../../../sim/net/Network.ts"
import type { Packet } from "../../../sim/net/Packet.ts"
import type { Rule } from "../../../sim/Rules.ts"
import * as Sim from "../../../sim/Sim.ts"
import { check, expect, frame, pair, reasonOf, text } from "./Pair.ts"
import type { Program } from "./Pair.ts"

/** Holds in every run, and leaves no connection open. */
const holds = (program: Program, options: Parameters<typeof check>[1] = {}) => {
  const whole = Effect.gen(function* () {
    yield* Effect.scoped(program)
    const open = yield* (yield* Network.Network).openConnections
    yield* expect(open === 0, `${open} connections are left open`)
  })
  const { failure, sometimes } = check(whole, { runs: 200, ...options })
  assert.isUndefined(failure?.message)
  return sometimes
}

const letters = ["a", "b", "c", "d", "e"]

describe("a connection", () => {
  it("keeps the order of its messages in both directions, and its latency", () => {
    holds(
      Effect.gen(function* () {
        const { client, server } = yield* pair
        const start = yield* Clock.currentTimeMillis
        const send = (from: Connection) => Effect.forEach(letters, (letter) => from.send(frame(letter)))
        const read = (at: Connection) => Effect.forEach(letters, () => Effect.map(at.receive, text))
        const all = [send(client), send(server), read(client), read(server)] as const
        const [, , there, back] = yield* Effect.all(all, { concurrency: "unbounded" })
        const tookMs = (yield* Clock.currentTimeMillis) - start
        yield* expect(there.join("") === "abcde" && back.join("") === "abcde", `${there.join("")} ${back.join("")}`)
        yield* expect(tookMs >= 4 && tookMs <= 9, `took ${tookMs} ms`)
        yield* expect(client.peer === "server" && server.peer === "client", "peers")
      }),
      { latencyMsMin: 4, latencyMsMax: 9 }
    )
  })

  it("lets what is under way be read after a close, and then says so", () => {
    holds(
      Effect.gen(function* () {
        const { client, server } = yield* pair
        yield* Effect.forEach(letters, (letter) => client.send(frame(letter)))
        yield* client.close
        const read = yield* Effect.forEach(letters, () => Effect.map(server.receive, text))
        yield* expect(read.join("") === "abcde", read.join(""))
        yield* expect((yield* reasonOf(server.receive)) === "Closed", "not closed for the reader")
        yield* expect((yield* reasonOf(server.send(frame("x")))) === "Closed", "not closed for the writer")
        yield* expect((yield* reasonOf(client.receive)) === "Closed", "not closed for who closed it")
      })
    )
  })

  it("tells the peer of a close that was interrupted halfway", () => {
    holds(
      Effect.gen(function* () {
        const { client, server } = yield* pair
        const closing = yield* Effect.forkChild(client.close)
        yield* Effect.yieldNow
        yield* Fiber.interrupt(closing)
        yield* client.close
        yield* expect((yield* reasonOf(server.receive)) === "Closed", "the peer was not told")
      })
    )
  })

  it("frees a sender that waits for the window when the reader closes", () => {
    holds(
      Effect.gen(function* () {
        const { client, server } = yield* pair
        const sender = yield* Effect.forkChild(reasonOf(Effect.forever(client.send(frame("x")))))
        yield* Effect.sleep(20)
        yield* server.close
        yield* expect((yield* Fiber.join(sender)) === "Closed", "the sender learnt nothing")
      }),
      { windowMessages: 2 }
    )
  })

  it("fails both ends at once when it is reset", () => {
    holds(
      Effect.gen(function* () {
        const { client, server } = yield* pair
        yield* client.send(frame("lost"))
        const waiting = yield* Effect.forkChild(reasonOf(client.receive))
        yield* Effect.sleep(50)
        yield* server.reset
        yield* expect((yield* Fiber.join(waiting)) === "Reset", "the client waits")
        yield* expect((yield* reasonOf(server.receive)) === "Reset", "the server reads what was lost")
        yield* expect((yield* reasonOf(client.send(frame("x")))) === "Reset", "the client sends")
      })
    )
  })

  it("makes the sender wait while the window is full", () => {
    holds(
      Effect.gen(function* () {
        const { client, server } = yield* pair
        let sent = 0
        const sender = yield* Effect.forkChild(
          Effect.forEach(letters, (letter) => Effect.tap(client.send(frame(letter)), () => Effect.sync(() => ++sent)))
        )
        yield* Effect.sleep(1_000)
        yield* expect(sent === 2, `${sent} sent with nobody reading`)
        yield* server.receive
        yield* Effect.sleep(1_000)
        yield* expect(sent === 3, `${sent} sent with one read`)
        yield* Fiber.interrupt(sender)
      }),
      { windowMessages: 2 }
    )
  })

  it("loses nothing when a reader gives up while a message is under way", () => {
    holds(
      Effect.gen(function* () {
        const { client, server } = yield* pair
        yield* Effect.forEach(letters, (letter) => client.send(frame(letter)))
        const early = yield* Effect.timeoutOption(server.receive, 3)
        yield* expect(Option.isNone(early), "a message came too early")
        const read = yield* Effect.forEach(letters, () => Effect.map(server.receive, text))
        yield* expect(read.join("") === "abcde", read.join(""))
      }),
      { latencyMsMin: 5, latencyMsMax: 9 }
    )
  })
})

describe("connecting", () => {
  it("fails at an unknown host, a closed port, a taken address and a full backlog", () => {
    holds(
      Effect.gen(function* () {
        const network = yield* Network.Network
        const reason = (host: string, port: number) => reasonOf(Effect.scoped(network.connect("client", host, port)))
        yield* expect((yield* reason("nowhere", 80)) === "UnknownHost", "unknown host")
        const scope = yield* Scope.make()
        yield* Scope.provide(network.listen("server", 80), scope)
        yield* expect((yield* reason("server", 81)) === "Refused", "closed port")
        yield* expect(
          (yield* reasonOf(Effect.scoped(network.listen("server", 80)))) === "AddressInUse",
          "taken address"
        )
        yield* Effect.forEach(Array.from({ length: 128 }), () => network.connect("client", "server", 80), {
          concurrency: "unbounded"
        })
        yield* expect((yield* reason("server", 80)) === "Refused", "full backlog")
        yield* Scope.close(scope, Exit.void)
        yield* expect((yield* reason("server", 80)) === "Refused", "closed listener")
        yield* Effect.sleep(20)
        yield* expect((yield* network.openConnections) === 0, "the backlog was not reset")
      }).pipe(Effect.scoped),
      { runs: 20 }
    )
  })

  it("counts no connection of a caller who gave up, at any moment", () => {
    const sometimes = holds(
      Effect.gen(function* () {
        const network = yield* Network.Network
        yield* network.listen("server", 80)
        const fiber = yield* Effect.forkChild(Effect.scoped(network.connect("client", "server", 80)))
        yield* Effect.sleep(yield* Sim.choose("workload", 4))
        yield* Fiber.interrupt(fiber)
        yield* Sim.sometimes((yield* Fiber.await(fiber))._tag)
        yield* expect((yield* network.openConnections) === 0, "still counted")
      }),
      { latencyMsMin: 1, latencyMsMax: 3 }
    )
    assert.sameMembers(Array.from(sometimes.keys()), ["Success", "Failure"])
  })
})

describe("a connection that nobody ends", () => {
  it("is a leak, and is named with its hosts", () => {
    const program = Effect.gen(function* () {
      const network = yield* Network.Network
      const { accept } = yield* network.listen("server", 80)
      yield* network.connect("client", "server", 80)
      yield* accept
    })
    assert.match(check(program, { runs: 1 }).failure?.message ?? "", /connection server to client, port 80/)
  })
})

describe("rules", () => {
  const during = <A, E, R>(rule: Rule<Packet>, effect: Effect.Effect<A, E, R>) =>
    Effect.scoped(
      Effect.andThen(
        Effect.flatMap(Network.Network, (network) => network.rule(rule)),
        effect
      )
    )

  it("refuse, and are gone with their scope", () => {
    holds(
      Effect.gen(function* () {
        const { client, network, server } = yield* pair
        const refuse: Rule<Packet> = ({ kind }) => ({ _tag: kind === "connect" ? "refuse" : "pass" })
        const connect = reasonOf(Effect.scoped(network.connect("client", "server", 80)))
        yield* expect((yield* during(refuse, connect)) === "Refused", "not refused")
        yield* expect((yield* connect) === "Success", "the rule stayed")
        const cut: Rule<Packet> = ({ from }) => ({ _tag: from === "client" ? "refuse" : "pass" })
        yield* expect((yield* during(cut, reasonOf(client.send(frame("x"))))) === "Reset", "not reset")
        yield* expect((yield* reasonOf(server.receive)) === "Reset", "the server was not told")
      })
    )
  })

  it("delay by so much, the first that does not pass", () => {
    holds(
      Effect.gen(function* () {
        const { client, server } = yield* pair
        const start = yield* Clock.currentTimeMillis
        const send = during(() => ({ _tag: "delay", ms: 1_000 }), client.send(frame("x")))
        yield* during(({ port }) => ({ _tag: port === 80 ? "pass" : "refuse" }), send)
        yield* server.receive
        const tookMs = (yield* Clock.currentTimeMillis) - start
        yield* expect(tookMs >= 1_002 && tookMs <= 1_004, `took ${tookMs} ms`)
      }),
      { latencyMsMin: 2, latencyMsMax: 4 }
    )
  })

  it("drop a direction for good, and a connection attempt", () => {
    holds(
      Effect.gen(function* () {
        const { client, network, server } = yield* pair
        yield* during(() => ({ _tag: "drop" }), client.send(frame("x")))
        yield* client.send(frame("y"))
        const read = yield* Effect.timeoutOption(server.receive, "1 hour")
        yield* expect(Option.isNone(read), "a silent direction delivers")
        yield* server.send(frame("z"))
        yield* expect(text(yield* client.receive) === "z", "the other direction")
        const attempt = Effect.scoped(network.connect("client", "server", 80))
        const connected = yield* during(() => ({ _tag: "drop" }), Effect.timeoutOption(attempt, "1 hour"))
        yield* expect(Option.isNone(connected), "connected")
      })
    )
  })
})

describe("a listener", () => {
  it("hands each connection to one taker", () => {
    holds(
      Effect.gen(function* () {
        const network = yield* Network.Network
        const { accept } = yield* network.listen("server", 80)
        const done = yield* Deferred.make<void>()
        const peers: Array<string> = []
        const take = Effect.acquireUseRelease(
          accept,
          ({ peer }) => Effect.sync(() => peers.push(peer)),
          (accepted) => accepted.close
        )
        const connect = (from: string) =>
          Effect.scoped(Effect.andThen(network.connect(from, "server", 80), Deferred.await(done)))
        const callers = yield* Effect.forkChild(Effect.all([connect("a"), connect("b")], { concurrency: 2 }))
        yield* Effect.all([take, take], { concurrency: 2 })
        yield* Deferred.succeed(done, undefined)
        yield* Fiber.join(callers)
        yield* expect(peers.toSorted().join() === "a,b", peers.join())
      })
    )
  })
})
