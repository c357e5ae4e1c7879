/** Faults of the network: each strikes what it is meant to, for as long as its scope lasts, and is counted. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Option } from "effect"
import type { Latency } from "../../../sim/net/Latency.ts"
import { clog } from "../../../sim/net/faults/Clog.ts"
import { cut } from "../../../sim/net/faults/Cut.ts"
import { partition } from "../../../sim/net/faults/Partition.ts"
import { slowLink } from "../../../sim/net/faults/SlowLink.ts"
import { slowReader } from "../../../sim/net/faults/SlowReader.ts"
import * as Network from "../../../sim/net/Network.ts"
import { check, expect, frame, pair, reasonOf, text } from "./Pair.ts"
import type { Program } from "./Pair.ts"

/** Holds in every run; gives how often each fault was counted in all of them. */
const holds = (program: Program, options: Parameters<typeof check>[1] = {}) => {
  const { failure, faults } = check(program, options)
  assert.isUndefined(failure?.message)
  return faults
}

const letters = ["a", "b", "c", "d", "e"]
const never = "1 hour"

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const start = yield* Clock.currentTimeMillis
    const value = yield* effect
    return { value, tookMs: (yield* Clock.currentTimeMillis) - start }
  })

const connects = Effect.gen(function* () {
  const network = yield* Network.Network
  const reason = yield* Effect.timeoutOption(reasonOf(Effect.scoped(network.connect("client", "server", 80))), never)
  return Option.getOrElse(reason, () => "no answer")
})

describe("a partition", () => {
  it("leaves attempts unanswered and connections half open, and ends with its scope", () => {
    const faults = holds(
      Effect.gen(function* () {
        const { client, server } = yield* pair
        const split = partition({ between: ["client"], and: ["server"] })
        const during = Effect.gen(function* () {
          yield* split
          yield* expect((yield* connects) === "no answer", "an attempt was answered")
          yield* client.send(frame("lost"))
          yield* server.reset
        })
        yield* Effect.scoped(during)
        yield* expect((yield* connects) === "Success", "the partition stayed")
        const read = yield* Effect.timeoutOption(client.receive, never)
        yield* expect(Option.isNone(read), "the client learnt of the reset")
      })
    )
    assert.isAtLeast(faults.get("network partition") ?? 0, 100)
    assert.isAtLeast(faults.get("network drop") ?? 0, 100)
  })

  it("lets the other direction through when it is one way", () => {
    holds(
      Effect.gen(function* () {
        const { client, server } = yield* pair
        yield* partition({ between: ["client"], and: ["server"], oneWay: true })
        yield* client.send(frame("lost"))
        yield* server.send(frame("found"))
        yield* expect(text(yield* client.receive) === "found", "the way back")
        yield* expect(Option.isNone(yield* Effect.timeoutOption(server.receive, never)), "the way there")
        yield* expect((yield* connects) === "no answer", "an attempt was answered")
      })
    )
  })

  it("makes a sender wait once the window is full, as nothing is acknowledged", () => {
    holds(
      Effect.gen(function* () {
        const { client } = yield* pair
        yield* partition({ between: ["client"], and: ["server"] })
        let sent = 0
        const sender = yield* Effect.forkChild(
          Effect.forEach(letters, (letter) => Effect.tap(client.send(frame(letter)), () => Effect.sync(() => ++sent)))
        )
        yield* Effect.sleep(never)
        yield* expect(sent === 3, `${sent} sent`)
        yield* Fiber.interrupt(sender)
      }),
      { windowMessages: 3 }
    )
  })

  it("is over for all when the network is healed, before its scope closes", () => {
    holds(
      Effect.gen(function* () {
        const { network } = yield* pair
        yield* partition({ between: ["client"], and: ["server"] })
        yield* clog({})
        yield* network.heal
        yield* expect((yield* connects) === "Success", "not healed")
      })
    )
  })
})

describe("a clog", () => {
  it("holds what is sent in its direction, and delivers it in order when it ends", () => {
    const faults = holds(
      Effect.gen(function* () {
        const { client, server } = yield* pair
        const reading = yield* Effect.forkChild(Effect.forEach(letters, () => timed(Effect.map(server.receive, text))))
        yield* client.send(frame("a"))
        const during = Effect.gen(function* () {
          yield* clog({ from: ["client"], to: ["server"] })
          yield* Effect.forEach(letters.slice(1), (letter) => client.send(frame(letter)))
          yield* server.send(frame("free"))
          yield* expect(text(yield* client.receive) === "free", "the other direction")
          yield* Effect.sleep(5_000)
        })
        yield* Effect.scoped(during)
        const read = yield* Fiber.join(reading)
        yield* expect(read.map(({ value }) => value).join("") === "abcde", "the order")
        const [first, second] = read.map(({ tookMs }) => tookMs)
        yield* expect(first !== undefined && first < 100, `what was under way took ${first} ms`)
        yield* expect(second !== undefined && second >= 4_900, `what was held took ${second} ms`)
      })
    )
    assert.strictEqual(faults.get("network clog"), 100)
  })

  it("holds attempts, closes and resets too", () => {
    holds(
      Effect.gen(function* () {
        const { client, network, server } = yield* pair
        const other = yield* network.connect("client", "server", 80)
        const during = Effect.gen(function* () {
          yield* clog({ from: ["client"] })
          yield* client.close
          yield* other.reset
          const attempt = yield* Effect.forkChild(Effect.scoped(network.connect("client", "server", 80)))
          yield* expect(Option.isNone(yield* Effect.timeoutOption(server.receive, never)), "the close came through")
          yield* expect(attempt.pollUnsafe() === undefined, "the attempt came through")
          return attempt
        })
        const attempt = yield* Effect.scoped(during)
        yield* Fiber.join(attempt)
        yield* expect((yield* reasonOf(server.receive)) === "Closed", "the close was lost")
      })
    )
  })
})

describe("connections", () => {
  it("are cut for both ends at once, those that match and exist", () => {
    const faults = holds(
      Effect.gen(function* () {
        const { client, network, server } = yield* pair
        yield* client.send(frame("lost"))
        const waiting = yield* Effect.forkChild(reasonOf(client.receive))
        yield* expect((yield* cut({ from: ["other"] })) === 0, "another's was cut")
        yield* expect((yield* cut({ from: ["client"], to: ["server"] })) === 1, "not cut")
        yield* expect((yield* Fiber.join(waiting)) === "Reset", "the client waits")
        yield* expect((yield* reasonOf(server.receive)) === "Reset", "the server reads what was lost")
        yield* Effect.scoped(network.connect("client", "server", 80))
      })
    )
    assert.strictEqual(faults.get("network cut"), 100)
  })

  it("tell who writes to an end that is gone, even when its close was lost", () => {
    holds(
      Effect.gen(function* () {
        const { client, network, server } = yield* pair
        // Only the close: the connection is half open, and the server's next message is answered by a reset.
        yield* Effect.scoped(
          Effect.andThen(
            network.rule(({ what }) => ({ _tag: what === "Close" ? "drop" : "pass" })),
            client.close
          )
        )
        yield* expect(Option.isNone(yield* Effect.timeoutOption(server.receive, never)), "the close came through")
        yield* server.send(frame("anyone?"))
        yield* expect((yield* reasonOf(server.receive)) === "Reset", "no reset came back")
        yield* expect((yield* reasonOf(server.send(frame("x")))) === "Reset", "the server sends")
      })
    )
  })

  it("can be struck before the peer has acted, or after it", () => {
    holds(
      Effect.gen(function* () {
        const { client, network, server } = yield* pair
        yield* network.rule(({ what }) => ({ _tag: what === "Head" ? "reset" : "pass" }))
        yield* client.send({ _tag: "Request", method: "GET", url: "/", headers: {}, body: undefined, upgrade: false })
        yield* expect((yield* server.receive)._tag === "Request", "the request")
        const answer = server.send({ _tag: "Head", status: 200, headers: {}, setCookies: [] })
        yield* expect((yield* reasonOf(answer)) === "Reset", "the answer was sent")
        yield* expect((yield* reasonOf(client.receive)) === "Reset", "the answer came")
      })
    )
  })

  it("fail with the code that a rule gives", () => {
    holds(
      Effect.gen(function* () {
        const { client, network, server } = yield* pair
        yield* network.rule(() => ({ _tag: "fail", code: "EHOSTUNREACH" }))
        yield* expect((yield* connects) === "EHOSTUNREACH", "an attempt")
        yield* expect((yield* reasonOf(client.send(frame("x")))) === "EHOSTUNREACH", "a message")
        yield* expect((yield* reasonOf(server.receive)) === "Reset", "the peer")
      })
    )
  })

  it("carry messages that are spoilt, of the same length", () => {
    holds(
      Effect.gen(function* () {
        const { client, network, server } = yield* pair
        yield* network.rule(() => ({ _tag: "corrupt" }))
        yield* client.send(frame("grüße"))
        const read = text(yield* server.receive)
        yield* expect(read.length === 5 && read !== "grüße", read)
        yield* client.send({ _tag: "Upgraded" })
        yield* expect((yield* server.receive)._tag === "Garbage", "no garbage")
      })
    )
  })
})

describe("a slow reader", () => {
  it("takes a message now and then, so that its sender waits", () => {
    holds(
      Effect.gen(function* () {
        const { client, server } = yield* pair
        yield* slowReader(["server"], 1_000)
        const reading = yield* Effect.forkChild(Effect.forEach(letters, () => Effect.map(server.receive, text)))
        const sending = yield* timed(Effect.forEach(letters, (letter) => client.send(frame(letter))))
        const all = yield* timed(Fiber.join(reading))
        yield* expect(all.value.join("") === "abcde", "the order")
        const tookMs = sending.tookMs + all.tookMs
        yield* expect(sending.tookMs >= 2_000, `sending took ${sending.tookMs} ms`)
        yield* expect(tookMs >= 4_000 && tookMs < 4_100, `reading took ${tookMs} ms`)
      }),
      { windowMessages: 2 }
    )
  })
})

describe("a slow link", () => {
  it("has a bandwidth that all of its connections share", () => {
    holds(
      Effect.gen(function* () {
        const { client, network, server } = yield* pair
        const other = yield* network.connect("client", "server", 80)
        yield* slowLink({ from: ["client"] }, { bytesPerMs: 1, latency: { minMs: 5, maxMs: 5 } })
        const { tookMs } = yield* timed(
          Effect.gen(function* () {
            yield* other.send(frame("x".repeat(994)))
            yield* client.send(frame("x".repeat(494)))
            yield* server.receive
          })
        )
        yield* expect(tookMs === 1_505, `took ${tookMs} ms`)
      })
    )
  })

  it("lets no more bytes be under way than its window", () => {
    holds(
      Effect.gen(function* () {
        const { client, server } = yield* pair
        // A message larger than the window goes alone.
        yield* client.send(frame("x".repeat(5_000)))
        const second = yield* Effect.forkChild(client.send(frame("y")))
        yield* Effect.sleep(never)
        yield* expect(second.pollUnsafe() === undefined, "the window was exceeded")
        yield* server.receive
        yield* Fiber.join(second)
        yield* client.send(frame("z"))
      }),
      { windowBytes: 1_000 }
    )
  })

  it("draws latencies from its distribution, the least ones first", () => {
    const latencies: Array<number> = []
    const tail: Latency = { minMs: 10, halfLifeMs: 40 }
    holds(
      Effect.gen(function* () {
        const { client, server } = yield* pair
        yield* slowLink({}, { latency: tail })
        for (const letter of letters) {
          yield* client.send(frame(letter))
          latencies.push((yield* timed(server.receive)).tookMs)
        }
      })
    )
    const sorted = latencies.toSorted((a, b) => a - b)
    const median = sorted[Math.floor(sorted.length / 2)] ?? 0
    assert.isAtLeast(sorted[0] ?? 0, 10)
    assert.isBelow(Math.abs(median - 50), 15, "half of them within a half-life")
    assert.isAbove(sorted.at(-1) ?? 0, 200, "a long tail")
  })
})

describe("a host that crashes", () => {
  it("resets its connections, refuses new ones, and what it still does has no effect", () => {
    holds(
      Effect.gen(function* () {
        const { client, network, server } = yield* pair
        const zombie = yield* Effect.forkChild(server.receive)
        yield* client.send(frame("under way"))
        yield* network.crash("server")
        yield* server.send(frame("from the dead")).pipe(Effect.timeoutOption(1_000))
        yield* server.close
        yield* expect((yield* reasonOf(client.receive)) === "Reset", "the client was not told")
        yield* expect((yield* connects) === "Refused", "somebody listens")
        yield* expect(zombie.pollUnsafe() === undefined, "a fiber of the dead went on")
        yield* Fiber.interrupt(zombie)
      })
    )
  })

  it("is gone without a word when it loses power, until it is back and hears from its peers", () => {
    holds(
      Effect.gen(function* () {
        const { client, network, server } = yield* pair
        yield* network.crash("server", "silent")
        yield* client.send(frame("anyone?"))
        yield* expect(Option.isNone(yield* Effect.timeoutOption(client.receive, never)), "the client was told")
        yield* expect((yield* connects) === "no answer", "an attempt was answered")
        const { accept } = yield* network.listen("server", 80)
        yield* expect((yield* reasonOf(client.receive)) === "Reset", "the client was not told by the new one")
        yield* network.connect("client", "server", 80)
        yield* Effect.acquireRelease(accept, (accepted) => accepted.close)
        yield* server.close
      })
    )
  })

  it("does not lose its new port to the end of its old life", () => {
    holds(
      Effect.gen(function* () {
        const network = yield* Network.Network
        yield* Effect.scoped(
          Effect.andThen(network.listen("server", 80), network.crash("server")).pipe(
            Effect.andThen(Effect.forkScoped(Effect.never))
          )
        )
        yield* network.listen("server", 80)
        yield* expect((yield* connects) === "Success", "nobody listens")
      })
    )
  })

  it("keeps its port after the old one's scope closes late", () => {
    holds(
      Effect.gen(function* () {
        const network = yield* Network.Network
        const old = yield* Effect.forkChild(Effect.scoped(Effect.andThen(network.listen("server", 80), Effect.never)))
        yield* Effect.sleep(10)
        yield* network.crash("server")
        yield* network.listen("server", 80)
        yield* Fiber.interrupt(old)
        yield* expect((yield* connects) === "Success", "nobody listens")
      })
    )
  })
})
