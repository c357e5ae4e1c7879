/**
 * P26: what was acknowledged before `kill -9` is there afterwards, and the activity log has each of it once.
 *
 * Users, tokens, operations, batches and reloads are under way; the console is killed at an answer, or a moment after
 * one, and started again on what it left behind.
 */
import { Effect, Fiber } from "effect"
import { holds, violated } from "../../../scenarios/Property.ts"
import { type Episode, RealWorldError } from "../Episode.ts"
import * as Checks from "../kill/Checks.ts"
import { begin, load, newWorld } from "../kill/Load.ts"
import { signal } from "../MarkedProcesses.ts"
import type { Scenario } from "../Scenario.ts"
import { loadPrograms } from "../LoadPrograms.ts"
import * as Settings from "../Settings.ts"
import { converges, ends, make } from "../World.ts"

const kills = 3

/** It is killed once so many more requests were answered, or after so long. */
const killAfter = { answersMax: 40, msMax: 10_000, moreMsMax: 150 } as const

const failed = (cause: unknown) => new RealWorldError({ message: String(cause) })

export const P26: Scenario = {
  properties: ["P26"],
  marks: ["killed at an answer", "killed a moment later", "a request was cut off"],
  run: Effect.fnUntraced(function* (episode: Episode) {
    const world = yield* make(episode, { nodes: 1, programs: loadPrograms })
    const last = { answer: Infinity, pid: 0 }
    const work = newWorld({
      folder: episode.folder,
      random: () => episode.random.below(2 ** 30) / 2 ** 30,
      configuration: (form) =>
        Settings.textOf({
          nodes: world.nodeTables,
          programs: loadPrograms,
          sections: { poll: { interval: form === 0 ? "200ms" : "300ms" } }
        }),
      answers: ({ status }) => {
        if (status !== 0 && work.answered + 1 >= last.answer) signal(last.pid, "SIGKILL")
      }
    })
    const { url } = world.console()
    // One session for all of the time: that it lasts is among what is looked at.
    const token = yield* Effect.tryPromise({ try: () => begin(url, work), catch: failed })
    for (let kill = 0; kill < kills; kill++) {
      const before = world.console()
      let isOver = false
      const enough = work.answered + episode.random.below(killAfter.answersMax)
      const isAtOnce = kill === 0 || episode.random.below(2) === 0
      last.pid = before.pid
      last.answer = isAtOnce ? enough : Infinity
      const working = yield* Effect.forkScoped(
        Effect.promise(() => load({ url, token, world: work, isOver: () => isOver })),
        { startImmediately: true }
      )
      const latestMs = performance.now() + killAfter.msMax
      yield* Effect.repeat(Effect.sleep(5), { until: () => work.answered >= enough || performance.now() > latestMs })
      if (!isAtOnce) yield* Effect.sleep(episode.random.below(killAfter.moreMsMax))
      episode.fault("kill console", { answered: work.answered })
      episode.sometimes(isAtOnce ? "killed at an answer" : "killed a moment later")
      yield* before.end("SIGKILL", Settings.timesMs.slack)
      last.answer = Infinity
      isOver = true
      yield* Fiber.join(working)
      if (work.unanswered > 0) episode.sometimes("a request was cut off")
      yield* world.startAgain
      const wrong = yield* Effect.tryPromise({
        try: () => Checks.check(before, world.console(), token, work),
        catch: failed
      })
      if (wrong.length > 0) return yield* violated(`after kill -9: ${wrong.join("; ")}`)
    }
    yield* holds(work.answered > 0, () => "nothing was answered, so nothing was looked at")
    yield* converges(world)
    yield* ends(world)
  })
}
