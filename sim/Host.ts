/**
 * A simulated host: effects that run on it can be crashed together. A crash stops all of its fibers where they are,
 * without any finalizer, as a power cut does; whatever outlives it (a disk, a database, the network's view of its
 * connections) is made outside, and gets to know of the crash through `onCrash`.
 *
 * Models: a process or machine that ends at any point between two operations. Does not model: a host that is slow but
 * alive (see `Sim.slowCode`), or memory that outlives the crash: what is shared with the outside through plain
 * variables, queues or semaphores stays as it was, permits that the dead held included.
 */
import { Deferred, Effect, Fiber, Schema, type Scope } from "effect"
import { RunContext } from "./RunContext.ts"

/** The host crashed while the effect ran. */
export class Crashed extends Schema.TaggedError<Crashed>()("Crashed", { host: Schema.String }) {
  override get message(): string {
    return `${this.host} crashed`
  }
}

export interface Host {
  readonly name: string
  /**
   * Runs the effect on the host, in fibers of its own; gives how it ends, or `Crashed`. After a crash the next effect
   * finds the host up again. Interrupting this interrupts the effect, if the host is still up.
   */
  readonly run: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Crashed, R>
  /** Stops whatever runs on the host; then does what `onCrash` was given, in that order. */
  readonly crash: Effect.Effect<void>
  /** Adds what the outside does when the host crashes. */
  readonly onCrash: (action: Effect.Effect<void>) => Effect.Effect<void, never, Scope.Scope>
}

export const make = (name: string): Effect.Effect<Host, never, RunContext> =>
  RunContext.useSync((context) => {
    const actions = new Set<Effect.Effect<void>>()
    let number = context.newHost()
    let crashed = Deferred.makeUnsafe<never, Crashed>()

    const run = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | Crashed, R> =>
      Effect.gen(function* () {
        const down = crashed
        const host = number
        const ended = yield* Deferred.make<A, E>()
        const body = Effect.suspend(() => {
          context.enterHost(host)
          return effect
        })
        // Detached: the fiber must not be a child, or the end of its parent would wait for a dead one.
        const fiber = yield* Effect.forkDetach(Effect.onExit(body, (exit) => Deferred.done(ended, exit)))
        return yield* Effect.raceFirst(Deferred.await(ended), Deferred.await(down)).pipe(
          Effect.onInterrupt(() => (down === crashed ? Fiber.interrupt(fiber) : Effect.void))
        )
      })

    const crash = Effect.gen(function* () {
      const down = crashed
      context.fault("crash")
      context.tell(() => `fault: ${name} crashes`)
      context.killHost(number)
      number = context.newHost()
      crashed = Deferred.makeUnsafe<never, Crashed>()
      yield* Effect.forEach(actions, (action) => action, { discard: true })
      yield* Deferred.fail(down, new Crashed({ host: name }))
    }).pipe(Effect.uninterruptible)

    return {
      name,
      run,
      crash,
      onCrash: (action) =>
        Effect.asVoid(
          Effect.acquireRelease(
            Effect.sync(() => actions.add(action)),
            () => Effect.sync(() => actions.delete(action))
          )
        )
    }
  })
