/**
 * A swarm of faults on the links between the console and its nodes: which kinds are in play, and how often they strike,
 * is drawn for each run and shown with it. They end with the scope, after which the network is as it was.
 */
import { Effect, type Scope } from "effect"
import type { Network } from "../../sim/net/Network.ts"
import type { Packet } from "../../sim/net/Packet.ts"
import { withChance } from "../../sim/Rules.ts"
import type { Ratio, Verdict } from "../../sim/Rules.ts"
import type { RunContext } from "../../sim/RunContext.ts"
import { swarm } from "../../sim/Swarm.ts"

const rarely: Ratio = { num: 1, den: 16 }
const often: Ratio = { num: 1, den: 4 }

/** Longer than a poll takes, shorter than its deadline. */
const slowReplyMs = 700

export const nodeLinks = Effect.fnUntraced(function* (
  network: Network["Service"],
  nodes: ReadonlyArray<string>
): Effect.fn.Return<void, never, RunContext | Scope.Scope> {
  const { lost, refused, reset, slow } = yield* swarm({
    refused: [rarely, often],
    reset: [rarely, often],
    lost: [rarely, often],
    slow: [rarely, often]
  })
  const isConnect = ({ kind, to }: Packet) => kind === "connect" && nodes.includes(to)
  const isReply = ({ from, what }: Packet) => what === "Head" && nodes.includes(from)
  const install = Effect.fnUntraced(function* (
    chance: Ratio | undefined,
    verdict: Verdict,
    matches: (packet: Packet) => boolean
  ) {
    if (chance !== undefined) yield* network.rule(yield* withChance(chance, verdict, matches))
  })
  yield* install(refused, { _tag: "refuse" }, isConnect)
  // The node has acted, and the console does not get to know.
  yield* install(reset, { _tag: "reset" }, isReply)
  yield* install(lost, { _tag: "drop" }, isReply)
  yield* install(slow, { _tag: "delay", ms: slowReplyMs }, isReply)
})
