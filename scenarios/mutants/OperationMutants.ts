/** Wrong versions of operations, their timeouts and what those leave behind. */
import { Effect, Layer, Semaphore } from "effect"
import type { ConsoleParts } from "../../core/Console.ts"
import { Fleet } from "../../core/fleet/Fleet.ts"
import { mapCalls, withDrivers } from "../oracles/NodeCalls.ts"
import type { Mutant } from "../Property.ts"

/** A fleet that is changed where it is used, over the real one. */
const wrapFleet =
  (wrap: (fleet: Fleet["Service"]) => Fleet["Service"]) =>
  (parts: ConsoleParts): ConsoleParts => ({
    ...parts,
    fleet: (nodes, options) =>
      Layer.effect(Fleet, Effect.map(Fleet, wrap)).pipe(Layer.provide(parts.fleet(nodes, options)))
  })

export const timeoutDoesNotInterrupt: Mutant = {
  id: "timeout-does-not-interrupt",
  what: "calls of nodes cannot be interrupted, so that a timeout has to wait for them",
  mutate: withDrivers((_, driver) => mapCalls(driver, () => (call) => Effect.uninterruptible(call)))
}

export const batchTimeForgotten: Mutant = {
  id: "batch-time-forgotten",
  what: "a batch takes the time that is configured for batches, whatever it was asked for",
  mutate: (parts) => ({
    ...parts,
    batches: (options) => parts.batches(options),
    fleet: (nodes, options) =>
      Layer.effect(
        Fleet,
        Effect.map(Fleet, (fleet) => ({
          ...fleet,
          // What was asked of a node under a batch goes on to its own end, and the batch waits for it.
          operate: (request, node, id, limits) =>
            limits === undefined
              ? fleet.operate(request, node, id)
              : Effect.uninterruptible(fleet.operate(request, node, id))
        }))
      ).pipe(Layer.provide(parts.fleet(nodes, options)))
  })
}

export const namesTheWrongLimit: Mutant = {
  id: "names-the-wrong-limit",
  what: "whichever time is up, the answer names that of the operation",
  mutate: wrapFleet((fleet) => ({
    ...fleet,
    operate: (request, node, id, limits) =>
      Effect.map(fleet.operate(request, node, id, limits), (result) =>
        result.limit === undefined ? result : { ...result, limit: "operation" }
      )
  }))
}

export const lockIsKept: Mutant = {
  id: "lock-is-kept",
  what: "the lock of a process is given back by an operation that ends, but not by one that is given up",
  mutate: wrapFleet((fleet) => {
    const locks = new Map<string, Semaphore.Semaphore>()
    return {
      ...fleet,
      operate: (request, node, id, limits) =>
        Effect.gen(function* () {
          const key = `${node} ${id.group}:${id.name}`
          const lock = locks.get(key) ?? Semaphore.makeUnsafe(1)
          locks.set(key, lock)
          yield* lock.take(1)
          const result = yield* Effect.result(fleet.operate(request, node, id, limits))
          yield* lock.release(1)
          return yield* Effect.fromResult(result)
        })
    }
  })
}

export const permitIsKept: Mutant = {
  id: "permit-is-kept",
  what: "a call that fails or is given up keeps its permit",
  mutate: withDrivers((_, driver) => {
    const permits = Semaphore.makeUnsafe(100)
    return mapCalls(
      driver,
      () => (call) =>
        Effect.andThen(
          permits.take(1),
          Effect.tap(call, () => permits.release(1))
        )
    )
  })
}

export const doneUnseen: Mutant = {
  id: "done-unseen",
  what: "an operation is done when the node has accepted the request",
  mutate: withDrivers((_, driver) => {
    let asked: "STOPPED" | "RUNNING" | undefined
    return {
      ...driver,
      start: (id) => Effect.tap(driver.start(id), () => Effect.sync(() => (asked = "RUNNING"))),
      stop: (id) => Effect.tap(driver.stop(id), () => Effect.sync(() => (asked = "STOPPED"))),
      process: (id) =>
        Effect.map(driver.process(id), (process) => {
          const state = asked ?? process.state
          asked = undefined
          return { ...process, state }
        })
    }
  })
}
