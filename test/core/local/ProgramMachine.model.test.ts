/**
 * The machine against a world that is free in everything a real one is: when a spawn is answered and how, when a leader
 * exits, how long its leftovers live, which late news arrives twice, and when somebody starts, stops or shuts down.
 */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as fc from "fast-check"
import { ProgramConfig } from "../../../core/local/ProgramConfig.ts"
import { step, type Transition } from "../../../core/local/ProgramMachine.ts"
import {
  initial,
  isOver,
  pidOf,
  type ProgramAction,
  type ProgramEvent,
  type ProgramState
} from "../../../core/local/ProgramState.ts"

/** What really exists, independent of what the machine believes. */
interface World {
  readonly spawning: number | undefined
  readonly leader: number | undefined
  readonly leftovers: number | undefined
  readonly timer: number | undefined
  readonly reaped: boolean
  /** Spawns since the last start by hand or the last time it was RUNNING. */
  readonly spawnsInARow: number
  readonly nowMs: number
}

const still: World = {
  spawning: undefined,
  leader: undefined,
  leftovers: undefined,
  timer: undefined,
  reaped: false,
  spawnsInARow: 0,
  nowMs: 0
}

const Moves = [
  "Start",
  "Stop",
  "Shutdown",
  "Due",
  "Spawned",
  "SpawnFailed",
  "Exited",
  "Ended",
  "Late",
  "Refusal"
] as const
interface Move {
  readonly kind: (typeof Moves)[number]
  readonly afterMs: number
  readonly status: number
}

const move: fc.Arbitrary<Move> = fc.record({
  kind: fc.oneof(
    // Shutdown is final: seldom, so that most of a history is not after it.
    { weight: 40, arbitrary: fc.constantFrom(...Moves.filter((kind) => kind !== "Shutdown")) },
    { weight: 1, arbitrary: fc.constant("Shutdown" as const) }
  ),
  afterMs: fc.integer({ min: -50, max: 3_000 }),
  status: fc.constantFrom(0, 0, 1, 7, -1)
})

const configs = fc
  .record({
    autorestart: fc.constantFrom(true, false, "unexpected" as const),
    startsecs: fc.constantFrom(0, 0.2, 1),
    startretries: fc.integer({ min: 0, max: 3 }),
    stopwaitsecs: fc.constantFrom(0, 2)
  })
  .map((fields) => Schema.decodeSync(ProgramConfig)({ name: "web", command: "serve", ...fields }))

/** The event of a move, where the world can make it. */
const eventOf = (
  world: World,
  state: ProgramState,
  { kind, status }: Move,
  nowMs: number
): ProgramEvent | undefined => {
  switch (kind) {
    case "Start":
    case "Stop":
    case "Shutdown":
      return { _tag: kind, nowMs }
    case "Due":
      return world.timer === undefined ? undefined : { _tag: "Due", timer: world.timer, nowMs }
    case "Spawned":
      return world.spawning === undefined ? undefined : { _tag: "Spawned", run: world.spawning, pid: 1_000, nowMs }
    case "SpawnFailed":
      return world.spawning === undefined ? undefined : { _tag: "SpawnFailed", run: world.spawning, text: "no", nowMs }
    case "Exited":
      return world.leader === undefined ? undefined : { _tag: "Exited", run: world.leader, status, nowMs }
    case "Ended":
      return world.leftovers === undefined || !world.reaped ? undefined : { _tag: "Ended", run: world.leftovers, nowMs }
    case "Refusal":
      return world.leader === undefined
        ? undefined
        : { _tag: "SignalFailed", run: world.leader, text: "not permitted", nowMs }
    case "Late":
      return status === 0
        ? { _tag: "Due", timer: state.timer - 1, nowMs }
        : status === 1
          ? { _tag: "Ended", run: state.run - 1, nowMs }
          : { _tag: "Exited", run: state.run - 1, status, nowMs }
  }
}

/** The event has happened in the world. */
const happened = (world: World, event: ProgramEvent): World => {
  switch (event._tag) {
    case "Due":
      return event.timer === world.timer ? { ...world, timer: undefined } : world
    case "Spawned":
      return { ...world, spawning: undefined, leader: event.run, reaped: false }
    case "SpawnFailed":
      return { ...world, spawning: undefined }
    case "Exited":
      return event.run === world.leader ? { ...world, leader: undefined, leftovers: event.run } : world
    case "Ended":
      return event.run === world.leftovers ? { ...world, leftovers: undefined } : world
    case "Start":
    case "Stop":
    case "Shutdown":
    case "SignalFailed":
      return world
  }
}

/** Takes an action, and holds it to what must never be asked for. */
const take = (config: ProgramConfig, world: World, state: ProgramState, action: ProgramAction): World => {
  switch (action._tag) {
    case "Spawn":
      assert.isUndefined(world.spawning ?? world.leader ?? world.leftovers, "a second live run")
      assert.isFalse(state.closing, "a spawn after the shutdown")
      assert.isAtMost(world.spawnsInARow, config.startretries, "more spawns than retries")
      return { ...world, spawning: action.run, spawnsInARow: world.spawnsInARow + 1 }
    case "Signal":
      assert.strictEqual(action.run, world.leader, "a signal without a leader")
      assert.strictEqual(state.state, "STOPPING")
      return world
    case "Reap":
      assert.strictEqual(action.run, world.leftovers, "a reap of no leftovers")
      assert.isFalse(world.reaped, "a second reap")
      assert.isAtLeast(action.graceMs, 0)
      assert.isAtMost(action.graceMs, config.stopwaitsecs * 1_000)
      return { ...world, reaped: true }
    case "SetTimer":
      assert.isAtLeast(action.delayMs, 0)
      return { ...world, timer: action.timer }
    case "ClearTimer":
      return { ...world, timer: undefined }
    case "Refuse":
      return world
  }
}

const act = (config: ProgramConfig, world: World, { actions, state }: Transition): World => {
  const refused = actions.some((action) => action._tag === "Refuse")
  if (refused) assert.lengthOf(actions, 1, "a refused command does something")
  return actions.reduce((after, action) => take(config, after, state, action), world)
}

/** What must hold in the machine and the world after each event. */
const invariants: Record<string, (config: ProgramConfig, world: World, state: ProgramState) => boolean> = {
  "a pid while there is a leader, and no other time": (_, world, state) =>
    (pidOf(state) === 0) === (world.leader === undefined),
  "nothing runs or is about to while it is down": (_, world, { state }) =>
    !["STOPPED", "EXITED", "FATAL", "BACKOFF"].includes(state) || (world.leader ?? world.spawning) === undefined,
  "STOPPED means that nothing is left": (_, world, { state }) => state !== "STOPPED" || world.leftovers === undefined,
  "RUNNING means that the leader runs": (_, world, { state }) => state !== "RUNNING" || world.leader !== undefined,
  "no more failures than retries": (config, _, { failures }) => failures <= config.startretries,
  "failures count for one series of starts": (_, _world, { failures, state }) =>
    failures === 0 || state === "STARTING" || state === "BACKOFF",
  "armed while there is a timer": (_, world, { armed }) => armed === (world.timer !== undefined),
  "BACKOFF ends": (_, world, { state }) => state !== "BACKOFF" || world.timer !== undefined,
  "STARTING and STOPPING end": (_, world, { state }) =>
    (state !== "STARTING" && state !== "STOPPING") || (world.timer ?? world.spawning ?? world.leftovers) !== undefined,
  "leftovers are being ended": (_, world) => world.leftovers === undefined || world.reaped,
  "over when closing and nothing is left": (_, world, state) =>
    isOver(state) === (state.closing && (world.spawning ?? world.leader ?? world.leftovers) === undefined)
}

const check = (config: ProgramConfig, world: World, state: ProgramState): void => {
  for (const [name, holds] of Object.entries(invariants)) {
    if (!holds(config, world, state)) assert.fail(`not so: ${name}; ${JSON.stringify({ state, world })}`)
  }
}

interface Game {
  readonly world: World
  readonly state: ProgramState
}

const turn = (config: ProgramConfig, { state, world }: Game, given: Move): Game => {
  const nowMs = world.nowMs + given.afterMs
  const event = eventOf(world, state, given, nowMs)
  if (event === undefined) return { state, world }
  const next = step(config, state, event)
  const byHand = event._tag === "Start" && next.actions[0]?._tag !== "Refuse"
  const settled = next.state.state === "RUNNING"
  const before = { ...happened(world, event), nowMs, ...(byHand || settled ? { spawnsInARow: 0 } : {}) }
  if (given.kind === "Late" || next.actions[0]?._tag === "Refuse") assert.strictEqual(next.state, state)
  const game = { state: next.state, world: act(config, before, next) }
  check(config, game.world, game.state)
  return game
}

/** A world that answers: the oldest thing that is under way comes to its end. */
const settle = (config: ProgramConfig, game: Game): Game => {
  const answer = (["Spawned", "Exited", "Ended"] as const).find(
    (kind) => eventOf(game.world, game.state, { kind, afterMs: 0, status: 0 }, 0) !== undefined
  )
  return answer === undefined ? game : turn(config, game, { kind: answer, afterMs: 0, status: 0 })
}

describe("ProgramMachine in a free world", () => {
  const histories = fc.tuple(configs, fc.array(move, { maxLength: 120, size: "max" }))

  it("never has two live runs, a stray pid, too many retries or an endless wait", () => {
    const reached = new Set<string>()
    fc.assert(
      fc.property(histories, ([config, moves]) => {
        let game: Game = { world: still, state: initial }
        for (const given of moves) {
          game = turn(config, game, given)
          reached.add(game.state.state).add(`${game.state.state} ${game.state.life._tag}`)
        }
      }),
      { numRuns: 2_000, seed: 20_261_121 }
    )
    // The histories are no use when they do not come by what the invariants are about.
    for (const state of [
      "STARTING leaving",
      "STOPPING spawning",
      "STOPPING leaving",
      "EXITED leaving",
      "BACKOFF none",
      "FATAL none"
    ]) {
      assert.include([...reached], state)
    }
  })

  it("is over soon after a shutdown, in whatever state it was, when the world answers", () => {
    fc.assert(
      fc.property(histories, ([config, moves]) => {
        let game: Game = { world: still, state: initial }
        for (const given of [...moves, { kind: "Shutdown", afterMs: 0, status: 0 } as const]) {
          game = turn(config, game, given)
        }
        for (let answers = 0; answers < 3; answers++) game = settle(config, game)
        if (!isOver(game.state)) assert.fail(`not over: ${JSON.stringify(game)}`)
        assert.notInclude(["STARTING", "RUNNING", "BACKOFF", "STOPPING"], game.state.state)
        assert.isUndefined(game.world.timer)
      }),
      { numRuns: 1_000, seed: 7 }
    )
  })
})
