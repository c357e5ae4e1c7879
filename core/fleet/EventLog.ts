/** Writes what changes in the fleet to the log: what needs a person as a warning, the rest as information. */
import { Effect, Layer } from "effect"
import { EventBus } from "../bus/EventBus.ts"
import type { FleetEvent } from "../domain/FleetEvent.ts"
import { formatId } from "../domain/Process.ts"

export const layer: Layer.Layer<never, never, EventBus> = Layer.effectDiscard(
  Effect.gen(function* () {
    const bus = yield* EventBus
    const events = yield* bus.subscribe
    yield* Effect.forkScoped(Effect.forever(Effect.flatMap(events.take, write)))
  })
)

/** The line of an event; appearing and disappearing processes are told by the status of their node. */
const write = (event: FleetEvent): Effect.Effect<void> => {
  switch (event.type) {
    case "node.status": {
      const line = `node ${event.node} is ${event.to}`
      return event.reason === undefined
        ? Effect.logInfo(line)
        : Effect.annotateLogs(Effect.logWarning(`${line}: ${event.reason.message}`), { code: event.reason.code })
    }
    case "process.state": {
      const { group, name, pid, spawnerr, state } = event.process
      const line = `${event.node} ${formatId({ group, name })} ${event.from} -> ${event.to}`
      return state === "FATAL" || state === "BACKOFF"
        ? Effect.logWarning(spawnerr === "" ? line : `${line}: ${spawnerr}`)
        : Effect.annotateLogs(Effect.logInfo(line), { pid })
    }
    case "process.restarted": {
      const { group, name, pid, state } = event.process
      const line = `${event.node} ${formatId({ group, name })} was started again and is ${state}`
      return Effect.annotateLogs(Effect.logWarning(line), { from_pid: event.from_pid, pid })
    }
    case "process.added":
    case "process.removed":
      return Effect.void
  }
}
