/**
 * `ChildProcessSpawner` of the real world, with one thing added to the platform's: whatever ends the console (the
 * shutdown deadline, a second signal, a defect), its children do not outlive it. The process groups that have not come
 * to their own end by then are killed as the process exits. Only SIGKILL on the console itself leaves no time for it.
 */
import { NodeServices } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { ChildProcessSpawner } from "effect/process"

const guarded = Layer.effect(
  ChildProcessSpawner.ChildProcessSpawner,
  Effect.gen(function* () {
    const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
    const groups = new Set<number>()
    const killAll = () => groups.forEach(killGroup)
    yield* Effect.acquireRelease(
      Effect.sync(() => process.on("exit", killAll)),
      () => Effect.sync(() => process.off("exit", killAll))
    )
    return ChildProcessSpawner.make((command) =>
      Effect.gen(function* () {
        const own: Array<number> = []
        // Added before the spawner's own finalizer, so it runs after it: by then nothing of the group is left.
        yield* Effect.addFinalizer(() => Effect.sync(() => own.forEach((group) => groups.delete(group))))
        const handle = yield* spawner.spawn(command)
        own.push(handle.pid)
        groups.add(handle.pid)
        return handle
      })
    )
  })
)

/** What `NodeServices.layer` provides, with children that end with the console. */
export const layer = Layer.provideMerge(guarded, NodeServices.layer)

const killGroup = (leader: number): void => {
  try {
    process.kill(-leader, "SIGKILL")
  } catch {
    // Nothing of it is left.
  }
}
