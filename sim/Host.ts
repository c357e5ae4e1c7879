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
    /** What ends the runs under way when the host crashes. */
    const running = new Set<Effect.Effect<unknown>>()
    let number = context.newHost(name)

    const run = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | Crashed, R> =>
      Effect.uninterruptibleMask((restore) =>
        Effect.gen(function* () {
          const ended = Deferred.makeUnsafe<A, E | Crashed>()
          const crashed = Deferred.fail(ended, new Crashed({ host: name }))
          running.add(crashed)
          const host = number
          const body = Effect.suspend(() => {
            // It may have crashed before this fiber took its first step.
            if (host !== number) return Effect.interrupt
            context.enterHost(host)
            return effect
          })
          // Detached: the fiber must not be a child, or the end of its parent would wait for a dead one.
          const fiber = yield* Effect.forkDetach(body)
          // And observed: a fiber that is interrupted before it starts runs no finalizer.
          fiber.addObserver((exit) => {
            running.delete(crashed)
            Deferred.doneUnsafe(ended, exit)
          })
          const stop = Effect.suspend(() => {
            fiber.interruptUnsafe()
            return Effect.exit(Deferred.await(ended))
          })
          return yield* Effect.onInterrupt(restore(Deferred.await(ended)), () => stop)
        })
      )

    const crashNow = Effect.gen(function* () {
      context.fault("crash")
      context.tell(() => `fault: ${name} crashes`, { kind: "fault", from: name })
      context.killHost(number)
      // What starts from here on, while the actions are done, finds the host up again.
      number = context.newHost(name)
      const ending = Array.from(running)
      running.clear()
      yield* Effect.forEach(actions, (action) => action, { discard: true })
      yield* Effect.forEach(ending, (end) => end, { discard: true })
    })

    // In a fiber of the outside: one of the host would die before it is done.
    const crash = Effect.uninterruptible(
      Effect.flatMap(
        Effect.forkDetach(
          Effect.suspend(() => {
            context.enterHost(0)
            return crashNow
          }),
          { uninterruptible: true }
        ),
        Fiber.join
      )
    )

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
