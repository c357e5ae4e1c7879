/**
 * `ChildProcessSpawner` of the real world, with one thing added to the platform's: whatever ends the console (the
 * shutdown deadline, a second signal, a defect), its children do not outlive it. The process groups that have not come
 * to their own end by then are killed as the process exits. Only SIGKILL on the console itself leaves no time for it:
 * what it leaves is found by its next life, see `NodeHostProcesses.ts`.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Layer } from "effect"
import { ChildProcessSpawner } from "effect/process"
import * as NodeHostProcesses from "./NodeHostProcesses.ts"

const guarded = Layer.effect(
  ChildProcessSpawner.ChildProcessSpawner,
  Effect.gen(function* () {
    const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
    const groups = new Set<number>()
    const killAll = () => groups.forEach(killGroup)
    // For as long as there are any, also when this layer has closed: at the deadline it does so before its users have.
    const add = (group: number) => {
      if (groups.size === 0) process.on("exit", killAll)
      groups.add(group)
    }
    const remove = (group: number) => {
      groups.delete(group)
      if (groups.size === 0) process.off("exit", killAll)
    }
    return ChildProcessSpawner.make((command) =>
      Effect.gen(function* () {
        const own: Array<number> = []
        // Added before the spawner's own finalizer, so it runs after it: by then nothing of the group is left.
        yield* Effect.addFinalizer(() => Effect.sync(() => own.forEach(remove)))
        const handle = yield* spawner.spawn(command)
        own.push(handle.pid)
        add(handle.pid)
        return handle
      })
    )
  })
)

/** What `NodeServices.layer` and `HostProcesses` provide, with children that end with the console. */
export const layer = Layer.merge(Layer.provideMerge(guarded, NodeServices.layer), NodeHostProcesses.layer)

const killGroup = (leader: number): void => {
  try {
    process.kill(-leader, "SIGKILL")
  } catch {
    // Nothing of it is left.
  }
}
