/**
 * P6: asked to end at any moment, the console ends within its deadline with status 0, and nothing is left of it.
 *
 * Users, tokens, operations and batches are under way, clients follow, and sometimes a supervisord stands still or the
 * wire to it is held; then SIGTERM.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Fiber } from "effect"
import { holds } from "../../../scenarios/Property.ts"
import { between, type Episode, RealWorldError } from "../Episode.ts"
import * as HubClient from "../HubClient.ts"
import { begin, load, newWorld } from "../kill/Load.ts"
import { signal } from "../MarkedProcesses.ts"
import type { Scenario } from "../Scenario.ts"
import * as Settings from "../Settings.ts"
import { ends, make } from "../World.ts"
import { loadPrograms } from "../LoadPrograms.ts"

export const P6: Scenario = {
  properties: ["P6"],
  marks: ["a client was told", "a node stood still"],
  run: Effect.fnUntraced(function* (episode: Episode) {
    const world = yield* make(episode, { programs: loadPrograms })
    const { nodeTables, nodes, token } = world
    const { url } = world.console()
    const work = newWorld({
      folder: episode.folder,
      random: () => episode.random.below(2 ** 30) / 2 ** 30,
      configuration: (form) =>
        Settings.textOf({
          nodes: nodeTables,
          programs: loadPrograms,
          sections: { poll: { interval: form === 0 ? "200ms" : "300ms" } }
        })
    })
    writeFileSync(join(episode.folder, "muster.toml"), work.configuration(0))
    let isOver = false
    const admin = yield* Effect.tryPromise({
      try: () => begin(url, work),
      catch: (cause) => new RealWorldError({ message: String(cause) })
    })
    const working = yield* Effect.forkScoped(
      Effect.promise(() => load({ url, token: admin, world: work, isOver: () => isOver })),
      { startImmediately: true }
    )
    const client = yield* HubClient.connect(episode, { name: "witness", token, url })
    const [first] = nodes
    if (first !== undefined && episode.random.below(2) === 0) {
      episode.fault("stop supervisord", first.name)
      signal(first.supervisord.pid, "SIGSTOP")
      episode.sometimes("a node stood still")
    } else if (first !== undefined) {
      episode.fault("partition", first.name)
      yield* first.wire.become({ holdsToServer: true, holdsToClient: true })
    }
    yield* Effect.sleep(between(episode, 300, 2_500))
    episode.note("asked to end", { answered: work.answered })
    // The way is free again: what is counted there has to come to rest.
    yield* Effect.forkScoped(
      Effect.andThen(
        Effect.sleep(Settings.timesMs.shutdown),
        Effect.forEach(nodes, ({ wire }) => wire.become({}), { discard: true })
      )
    )
    yield* ends(world)
    isOver = true
    yield* Fiber.join(working)
    const code = yield* client.closed
    yield* holds(code === 1001, () => `a client was told ${code} at the end, and not 1001`)
    episode.sometimes("a client was told")
    yield* holds(work.answered > 0, () => "nothing was answered, so nothing was looked at")
  })
}
