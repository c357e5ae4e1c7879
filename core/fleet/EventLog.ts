/** Writes what changes in the fleet to the log: what needs a person as a warning, the rest as information. */
import { Effect, Layer } from "effect"
import type { BusEvent } from "../bus/BusEvent.ts"
import { EventBus } from "../bus/EventBus.ts"
import type { ComponentChanged } from "../domain/ConsoleEvent.ts"
import type { BatchSummary } from "../domain/Operation.ts"
import { formatId } from "../domain/Process.ts"

/** Lines about one node are in order, and so are those about batches; the rest may overtake each other. */
export const layer: Layer.Layer<never, never, EventBus> = Layer.effectDiscard(
  Effect.flatMap(EventBus, (bus) => {
    const batches = new Batches()
    return bus.subscribe({
      name: "log",
      key: (event) => ("node" in event ? `node ${event.node}` : event.type),
      wants: (event) => event.type !== "log",
      handle: (event) => (event.type === "batch.changed" ? writeBatch(batches, event.batch) : write(event))
    })
  })
)

/**
 * The line of an event; appearing and disappearing processes are told by the status of their node, and the fleet writes
 * the lines of operations itself.
 */
const write = (event: Exclude<BusEvent, { readonly type: "batch.changed" }>): Effect.Effect<void> => {
  switch (event.type) {
    case "node.added":
      return Effect.logInfo(`node ${event.node} was added`)
    case "node.removed":
      return Effect.logInfo(`node ${event.node} was removed`)
    case "node.restarted": {
      const { identity, incarnation, node, why } = event
      const known = identity === undefined ? {} : { identifier: identity.identifier, pid: identity.pid }
      const line = `node ${node} is another one than before: ${why}`
      return Effect.annotateLogs(Effect.logWarning(line), { incarnation, ...known })
    }
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
    case "component.status":
      return writeComponent(event)
    case "process.added":
    case "process.removed":
    case "operation.started":
    case "operation.finished":
    case "log":
      return Effect.void
  }
}

const writeComponent = ({ component, detail, from, to }: ComponentChanged): Effect.Effect<void> => {
  const line = `component ${component} is ${to}: ${detail}`
  return Effect.annotateLogs(to === "healthy" ? Effect.logInfo(line) : Effect.logWarning(line), { from })
}

/** Batches whose begin is written. The end of one may have been dropped on the bus, so it remembers so many at most. */
const batchesMax = 1000

class Batches {
  readonly #begun = new Set<number>()

  /** True the first time. */
  begin(id: number): boolean {
    if (this.#begun.has(id)) return false
    this.#begun.add(id)
    const [oldest] = this.#begun
    if (this.#begun.size > batchesMax && oldest !== undefined) this.#begun.delete(oldest)
    return true
  }

  end(id: number): void {
    this.#begun.delete(id)
  }
}

/** A line when a batch begins and one when it is over; what comes between is for those who watch it. */
const writeBatch = (batches: Batches, batch: BatchSummary): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { counts, id, kind, mode, status, stopped_early } = batch
    const what = `batch ${id} (${kind}, ${mode})`
    if (status === "running") {
      return batches.begin(id) ? Effect.annotateLogs(Effect.logInfo(`${what} began`), counts) : Effect.void
    }
    batches.end(id)
    const line = `${what} is over: ${status}${stopped_early ? ", stopped early" : ""}`
    return Effect.annotateLogs(status === "done" ? Effect.logInfo(line) : Effect.logWarning(line), counts)
  })
