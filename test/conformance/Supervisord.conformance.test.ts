/**
 * The model of supervisord against the real one: both are put through the same conversations, by hand and generated,
 * and must say the same. See `Differences.ts` for what differs on purpose.
 */
import { assert } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { afterAll, beforeAll, describe } from "vitest"
import * as RealSupervisord from "../support/RealSupervisord.ts"
import { conversations } from "./Conversations.ts"
import type { Conversation } from "./Peer.ts"
import { base, files, sections } from "./Programs.ts"
import { talkToModel, talkToReal } from "./Sides.ts"
import { workloads } from "./Workload.ts"

// One supervisord for all conversations: each starts over with groups that have no past.
const scope = Scope.makeUnsafe()
let real: RealSupervisord.RealSupervisord | undefined

beforeAll(async () => {
  if (!RealSupervisord.available) return
  real = await Effect.runPromise(RealSupervisord.start({ programs: sections(base), files }).pipe(Scope.provide(scope)))
})
afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

const conforms = (name: string, conversation: Conversation) =>
  RealSupervisord.itReal(
    name,
    () =>
      Effect.gen(function* () {
        if (real === undefined) return assert.fail("supervisord did not start")
        const said = yield* talkToReal(real, conversation)
        assert.isNotEmpty(said)
        assert.deepStrictEqual(differing(said, talkToModel(conversation)), [])
      }),
    { timeoutMs: 60_000 }
  )

/** What the two said differently, line by line. */
const differing = (said: ReadonlyArray<string>, modelled: ReadonlyArray<string>) =>
  Array.from({ length: Math.max(said.length, modelled.length) }, (_, i) => ({
    real: said[i],
    model: modelled[i]
  })).filter((line) => line.real !== line.model)

describe("the model of supervisord says what the real one says", () => {
  for (const [seed, conversation] of workloads.entries())
    conforms(`in the generated conversation ${seed}`, conversation)
  for (const [name, conversation] of Object.entries(conversations)) conforms(`about ${name}`, conversation)
})
