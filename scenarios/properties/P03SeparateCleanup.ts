/**
 * P3, separate cleanup (R1.2, R1.5): no cleanup runs on the broadcasting fiber, and none changes the client set while
 * it is walked.
 *
 * Method: clients that follow a log leave by generated ways while events are published, and the giving back of a
 * followed log is made slow: a cleanup takes seconds of virtual time. Were it done by whoever broadcasts, the clients
 * that stay would have to wait; were the set changed under the walk, one of them would be passed over. So each client
 * that stays must get every event, and get it at once.
 */
import { Effect } from "effect"
import * as fc from "fast-check"
import { draw } from "../../sim/Draw.ts"
import * as CleanupMutants from "../mutants/CleanupMutants.ts"
import * as EventStream from "../oracles/EventStream.ts"
import type { Property } from "../Property.ts"
import * as World from "../World.ts"
import * as Leavers from "./P03Leavers.ts"

const workload = fc.record({
  stayers: fc.integer({ min: 1, max: 2 }),
  leavers: fc.array(
    fc.record({
      leaveAtMs: fc.integer({ min: 1_000, max: 1_020 }),
      how: fc.constantFrom("goodbye", "break", "reset"),
      follows: fc.boolean()
    }),
    { minLength: 1, maxLength: 2 }
  ),
  events: fc.array(fc.integer({ min: 1_000, max: 1_020 }), { minLength: 2, maxLength: 4 })
})

const program: Property["program"] = Effect.fnUntraced(function* (parts) {
  const plan = yield* draw(workload)
  const { parts: watched, published } = EventStream.watch(Leavers.slowCleanup(parts))
  const world = yield* World.make({ nodes: {}, network: { latencyMsMax: 1 }, parts: watched })
  yield* Leavers.scene({ ...world, published }, plan)
}, Effect.scoped)

export const P3: Property = {
  id: "P3",
  title: "separate cleanup",
  requirements: ["R1.2", "R1.5"],
  marks: ["a client left whose cleanup is slow"],
  program,
  focus: Leavers.program,
  mutants: [
    CleanupMutants.cleanupOnBroadcast,
    CleanupMutants.cleanupHoldsLock,
    CleanupMutants.setChangedWhileWalked,
    CleanupMutants.walkBeginsAgain
  ]
}
