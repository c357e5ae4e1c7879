/** Generated conversations: calls in any order, each followed by a look once everything has come to rest. */
import { Effect } from "effect"
import * as fc from "fast-check"
import type { XmlRpcValue } from "../../core/xmlrpc/XmlRpcValue.ts"
import type { Conversation } from "./Peer.ts"
import { look, settled } from "./Settle.ts"

const seed = 20_260_101
const conversationsMax = 5
const callsMax = 8

type Call = readonly [method: string, params: ReadonlyArray<XmlRpcValue>]

const one = fc.constantFrom(
  "app:api",
  "app:web",
  "app:gone",
  "cat",
  "crasher",
  "finisher",
  "quitter",
  "starter",
  "graceful",
  "text",
  "waiter",
  "app:*",
  "nope"
)
const group = fc.constantFrom("app", "cat", "starter", "nope")
/** Of those that end a program only ones that end it for certain and at once. */
const signal = fc.constantFrom<XmlRpcValue>("KILL", "HUP", "0", 18, "nope")
const wait = fc.boolean()

const call: fc.Arbitrary<Call> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constant("startProcess"), fc.tuple(one, wait)) },
  { weight: 4, arbitrary: fc.tuple(fc.constant("stopProcess"), fc.tuple(one, wait)) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom("startProcessGroup", "stopProcessGroup"), fc.tuple(group, wait)) },
  { weight: 2, arbitrary: fc.tuple(fc.constant("signalProcess"), fc.tuple(one, signal)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("signalProcessGroup"), fc.tuple(group, signal)) },
  { weight: 2, arbitrary: fc.tuple(fc.constant("sendProcessStdin"), fc.tuple(one, fc.constantFrom("a\n", "é✓"))) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom("clearProcessLogs", "getProcessInfo"), fc.tuple(one)) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom("removeProcessGroup", "addProcessGroup"), fc.tuple(group)) },
  {
    weight: 2,
    arbitrary: fc.tuple(
      fc.constantFrom("tailProcessStdoutLog", "readProcessStdoutLog"),
      fc.tuple(one, fc.integer({ min: -4, max: 12 }), fc.integer({ min: 0, max: 12 }))
    )
  }
)

const conversation = (calls: ReadonlyArray<Call>): Conversation =>
  Effect.fnUntraced(function* (peer) {
    yield* settled(peer)
    for (const [method, params] of calls) {
      yield* peer.ask(`supervisor.${method}`, ...params)
      // The kernel needs a moment to bring a signal about, and a program to print.
      yield* Effect.sleep(method.startsWith("signal") ? 200 : 50)
      yield* settled(peer)
      yield* look(peer)
    }
  })

/** Always the same ones. */
export const workloads: ReadonlyArray<Conversation> = fc
  .sample(fc.array(call, { minLength: callsMax, maxLength: callsMax }), { seed, numRuns: conversationsMax })
  .map(conversation)
