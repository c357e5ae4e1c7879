/**
 * `HostProcesses` of one console on a simulated machine. Each layer is one life of a console: it ends with the layer,
 * or with the machine's `crash`.
 *
 * Models: processes by the marks in their environments, which forks inherit; a life that has ended; zombies, which are
 * not found. Users: `root` is the console's own, `nobody` can be become by `as-nobody`, others are unknown.
 * Does not model: rights to read and to signal, and pids that come again.
 */
import { Effect, Layer } from "effect"
import { HostProcesses, HostProcessesError, markVariables } from "../../core/local/HostProcesses.ts"
import { Machine } from "../../sim/process/Machine.ts"
import type { Signal } from "../../sim/process/Signal.ts"

export const layer: Layer.Layer<HostProcesses, never, Machine> = Layer.effect(
  HostProcesses,
  Effect.gen(function* () {
    const { system } = yield* Machine
    const host = yield* Effect.acquireRelease(
      Effect.sync(() => system.attach()),
      (attached) => Effect.sync(() => system.detach(attached))
    )
    const self = `${host.pid}:0`
    const send = (target: number, name: Signal) =>
      Effect.suspend(() => {
        if (host.crashed) return Effect.never
        return system.table.signal(target, name)
          ? Effect.void
          : Effect.fail(new HostProcessesError({ detail: "ESRCH" }))
      })
    const lives = (parent: string) => system.isAttached(Number(parent.split(":")[0]))
    return {
      self,
      orphans: (instance) =>
        Effect.suspend(() =>
          host.crashed
            ? Effect.never
            : Effect.sync(() =>
                system.table.all().flatMap(({ env, group, pid, state }) => {
                  const parent = env[markVariables.parent]
                  if (state === "zombie" || env[markVariables.instance] !== instance) return []
                  if (parent === undefined || lives(parent)) return []
                  return [{ pid, startedAt: "0", group, program: env[markVariables.program] ?? "?" }]
                })
              )
        ),
      signalOrphan: ({ group }, name) =>
        Effect.catch(send(-group, name), (error) => (error.detail === "ESRCH" ? Effect.void : Effect.fail(error))),
      signal: send,
      commandAs: (user, [command, ...args]) => {
        if (user === "root") return Effect.succeed([command, ...args])
        return user === "nobody"
          ? Effect.succeed(["as-nobody", command, ...args])
          : Effect.fail(new HostProcessesError({ detail: `no user "${user}" is known` }))
      }
    }
  })
)
