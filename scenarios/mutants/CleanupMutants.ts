/** Wrong versions of what happens when a client of the hub goes. */
import { Effect, Layer, Scope, Semaphore } from "effect"
import { LogFollow } from "../../core/fleet/LogFollow.ts"
import type { ConsoleParts } from "../../core/Console.ts"
import type { OutFrame } from "../../core/hub/OutFrame.ts"
import { CloseCode } from "../../core/hub/Protocol.ts"
import type { Mutant } from "../Property.ts"
import { clientWith, heardByHub, takingOther, wrapClients, wrapHub } from "./HubMutants.ts"

const wrapLogFollow =
  (wrap: (real: LogFollow["Service"]) => LogFollow["Service"]) =>
  (parts: ConsoleParts): ConsoleParts => ({
    ...parts,
    logFollow: Layer.effect(LogFollow, Effect.map(LogFollow, wrap)).pipe(Layer.provide(parts.logFollow))
  })

export const cleanupOnBroadcast: Mutant = {
  id: "cleanup-on-broadcast",
  what: "the fiber that broadcasts waits for the cleanup of clients that went since the last event",
  mutate: (parts) => {
    // Made in each run by the layer of the bus, which comes first.
    const cleanups: Array<Effect.Effect<void>> = []
    const bus = heardByHub(parts, {
      begin: () => {
        cleanups.length = 0
      },
      hear: (_, handle) => Effect.andThen(Effect.all(cleanups.splice(0), { discard: true }), handle)
    })
    const client = wrapClients((real) =>
      clientWith(real, {
        close: (reason) => Effect.tap(real.close(reason), () => Effect.sync(() => cleanups.push(real.gone)))
      })
    )
    return client({ ...parts, bus })
  }
}

/** What a client takes next, once after another one has gone: `change` gets its frames and the place of an event. */
const walkDisturbed = (
  change: (frames: ReadonlyArray<OutFrame>, at: number) => ReadonlyArray<OutFrame>
): Mutant["mutate"] =>
  wrapHub((hub) =>
    Effect.sync(() => {
      let gone = 0
      return {
        ...hub,
        join: (joining) =>
          Effect.map(hub.join(joining), (client) => {
            let seen = gone
            return clientWith(client, {
              close: (reason) => Effect.tap(client.close(reason), () => Effect.sync(() => gone++)),
              outbox: takingOther(client.outbox, () => {
                const frames = client.outbox.take()
                const at = frames.findIndex(({ numbers }) => numbers !== undefined)
                if (gone === seen || at < 0) return frames
                seen = gone
                return change(frames, at)
              })
            })
          })
      }
    })
  )

export const setChangedWhileWalked: Mutant = {
  id: "set-changed-while-walked",
  what: "a client that goes makes the walk over the clients pass over another one, for one event",
  mutate: walkDisturbed((frames, at) => frames.toSpliced(at, 1))
}

export const cleanupHoldsLock: Mutant = {
  id: "cleanup-holds-the-lock",
  what: "one lock is for the set of clients, and a cleanup keeps it until all that the client held is given back",
  mutate: (parts) => {
    // Made in each run by the layer of the bus, which comes first.
    let lock = Semaphore.makeUnsafe(1)
    const bus = heardByHub(parts, {
      begin: () => {
        lock = Semaphore.makeUnsafe(1)
      },
      hear: (_, handle) => lock.withPermit(handle)
    })
    const client = wrapClients((real) =>
      clientWith(real, {
        close: (reason) => Effect.tap(real.close(reason), () => Effect.forkDetach(lock.withPermit(real.gone)))
      })
    )
    return client({ ...parts, bus })
  }
}

export const walkBeginsAgain: Mutant = {
  id: "walk-begins-again",
  what: "a client that goes makes the walk over the clients begin again, so that others get an event twice",
  mutate: walkDisturbed((frames, at) => [...frames.slice(0, at + 1), ...frames.slice(at)])
}

export const logIsKept: Mutant = {
  id: "log-is-kept",
  what: "a followed log is given back when it is unsubscribed from, but not when its client goes",
  mutate: wrapLogFollow((real) => ({
    ...real,
    follow: (log) =>
      Effect.gen(function* () {
        const own = yield* Scope.make()
        yield* Scope.provide(real.follow(log), own)
      })
  }))
}

/** Of a connection that ended by itself, by a goodbye or because it broke. */
const endedByItself = 1006

export const sessionIsKept: Mutant = {
  id: "session-is-kept",
  what: "the session of a client that the hub lets go is taken out of the table, but not one that ends by itself",
  mutate: wrapClients((client) => {
    let isKept = false
    return clientWith(client, {
      close: (reason) =>
        Effect.suspend(() => {
          isKept ||= reason.code === endedByItself
          return client.close(reason)
        }),
      leave: Effect.suspend(() => (isKept ? Effect.void : client.leave))
    })
  })
}

export const silentIsKept: Mutant = {
  id: "silent-is-kept",
  what: "a client that falls silent is pinged, and never given up",
  mutate: wrapClients((client) =>
    clientWith(client, {
      close: (reason) => (reason.code === CloseCode.heartbeat ? Effect.void : client.close(reason))
    })
  )
}
