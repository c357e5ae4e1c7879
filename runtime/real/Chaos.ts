/**
 * Disturbances over wall time. What happens when is drawn from the seed beforehand, so that the same seed plans the
 * same chaos; how the processes take it is up to the machine.
 */
import { Effect, type Scope } from "effect"
import type { Prng } from "../../sim/Prng.ts"
import { type Episode, RealWorldError } from "./Episode.ts"
import { signal } from "./MarkedProcesses.ts"
import type { RealNode, World } from "./World.ts"
import type { Weather, WireProxy } from "./WireProxy.ts"

/** Spoil the wire, for as long as they last. */
const weathers = {
  delay: { delayMs: 120 },
  throttle: { bytesPerSecond: 8_000 },
  partition: { holdsToServer: true, holdsToClient: true },
  "cut to the server": { holdsToServer: true },
  "cut to the client": { holdsToClient: true },
  refuse: { refuses: true }
} as const satisfies Readonly<Record<string, Partial<Weather>>>

type WireFault = keyof typeof weathers | "reset"
type ProcessFault = "stop supervisord" | "kill supervisord"

export const wireFaults: ReadonlyArray<WireFault> = [
  "delay",
  "throttle",
  "partition",
  "cut to the server",
  "cut to the client",
  "refuse",
  "reset"
]
export const processFaults: ReadonlyArray<ProcessFault> = ["stop supervisord", "kill supervisord"]

export interface Disturbance {
  readonly kind: WireFault | ProcessFault
  /** Which wire or node, as an index; faults of processes are of nodes. */
  readonly target: number
  readonly fromMs: number
  readonly untilMs: number
}

export interface PlanOptions {
  readonly kinds: ReadonlyArray<Disturbance["kind"]>
  readonly targets: number
  readonly durationMs: number
  /** How long one lasts at most; half of that at least. */
  readonly lastsMsMax: number
}

/** What is to happen. Targets are disturbed one after another each, with a moment of peace in between. */
export const plan = (
  random: Prng,
  { durationMs, kinds, lastsMsMax, targets }: PlanOptions
): ReadonlyArray<Disturbance> => {
  const all: Array<Disturbance> = []
  const half = Math.ceil(lastsMsMax / 2)
  for (let target = 0; target < targets; target++) {
    let atMs = random.below(half)
    for (;;) {
      const kind = kinds[random.below(kinds.length)]
      const untilMs = atMs + half + random.below(half)
      if (kind === undefined || untilMs > durationMs) break
      all.push({ kind, target, fromMs: atMs, untilMs })
      atMs = untilMs + Math.ceil(half / 2) + random.below(half)
    }
  }
  return all.toSorted((one, other) => one.fromMs - other.fromMs || one.target - other.target)
}

const isOfProcess = (kind: Disturbance["kind"]): kind is ProcessFault => processFaults.some((each) => each === kind)

const spoilt = (kind: WireFault, wire: WireProxy, lastsMs: number) =>
  kind === "reset"
    ? Effect.asVoid(wire.reset)
    : Effect.acquireUseRelease(
        wire.become(weathers[kind]),
        () => Effect.sleep(lastsMs),
        () => wire.become({})
      )

/** SIGSTOP to supervisord for a while, and SIGCONT however this ends. */
export const stopped = <A, E, R>({ supervisord }: RealNode, use: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const { pid } = supervisord
      signal(pid, "SIGSTOP")
      return pid
    }),
    () => use,
    (pid) => Effect.sync(() => signal(pid, "SIGCONT"))
  )

const struck = (kind: ProcessFault, node: RealNode, lastsMs: number) =>
  kind === "stop supervisord"
    ? stopped(node, Effect.sleep(lastsMs))
    : node.supervisord.kill.pipe(
        Effect.andThen(Effect.sleep(lastsMs)),
        Effect.andThen(node.supervisord.startAgain),
        Effect.mapError(({ message }) => new RealWorldError({ message }))
      )

/** What is disturbed: the wires of the nodes, or those of clients. */
export type Target = Pick<World, "episode"> & { readonly wires: ReadonlyArray<WireProxy> } & {
  readonly nodes?: ReadonlyArray<RealNode>
}

const disturb = ({ episode, nodes = [], wires }: Target, { fromMs, kind, target, untilMs }: Disturbance) =>
  Effect.gen(function* () {
    yield* Effect.sleep(fromMs)
    episode.fault(kind, { target, lastsMs: untilMs - fromMs })
    const [node, wire] = [nodes[target], wires[target]]
    if (isOfProcess(kind)) {
      if (node !== undefined) yield* struck(kind, node, untilMs - fromMs)
    } else if (wire !== undefined) yield* spoilt(kind, wire, untilMs - fromMs)
    episode.note("healed", { kind, target })
  })

/** Lets the plan happen, and waits until all is whole again. */
export const run = (
  target: Target,
  disturbances: ReadonlyArray<Disturbance>
): Effect.Effect<void, RealWorldError, Scope.Scope> =>
  Effect.forEach(disturbances, (each) => disturb(target, each), { concurrency: "unbounded", discard: true })

/** Plans and lets happen: the usual chaos on the wires of all nodes and on their supervisords. */
export const onNodes = (world: World, episode: Episode, durationMs: number) =>
  run(
    { episode, nodes: world.nodes, wires: world.nodes.map(({ wire }) => wire) },
    plan(episode.random, {
      kinds: [...wireFaults, ...processFaults],
      targets: world.nodes.length,
      durationMs,
      lastsMsMax: 2_000
    })
  )
