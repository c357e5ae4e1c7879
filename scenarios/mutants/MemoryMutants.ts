/** Wrong versions of what is kept of the fleet over restarts. */
import { Clock, Effect, Layer } from "effect"
import type { ConsoleParts } from "../../core/Console.ts"
import { NodeMap } from "../../core/fleet/NodeMap.ts"
import { Registry } from "../../core/fleet/Registry.ts"
import type { Mutant } from "../Property.ts"

/** The memory over another registry than all others have. */
const withRegistry =
  (change: (registry: Registry["Service"]) => Partial<Registry["Service"]>) =>
  (parts: ConsoleParts): ConsoleParts => ({
    ...parts,
    memory: (options) =>
      Layer.unwrap(
        Effect.map(Registry, (registry) =>
          Layer.provide(parts.memory(options), Layer.succeed(Registry, { ...registry, ...change(registry) }))
        )
      )
  })

export const nothingRecalled: Mutant = {
  id: "memory-recalls-nothing",
  what: "what is stored is not read at the start",
  mutate: withRegistry(() => ({ recall: () => Effect.void }))
}

/** By then the nodes are there. */
const laterMs = 1_500

export const recalledAsFresh: Mutant = {
  id: "memory-recalls-as-fresh",
  what: "what is stored is taken for an answer of the node",
  mutate: withRegistry(({ recall, record }) => ({
    recall: (memories) =>
      Effect.andThen(recall(memories), Effect.sleep(laterMs)).pipe(
        Effect.andThen(
          Effect.forEach(memories, ([name, { processes }]) => record(name, { _tag: "Answered", processes }), {
            discard: true
          })
        )
      )
  }))
}

export const storedTimeOfStoring: Mutant = {
  id: "memory-stores-its-own-time",
  what: "a node is stored as seen at the time of storing",
  mutate: withRegistry(({ state }) => ({
    state: Effect.zipWith(state, Clock.currentTimeMillis, (before, lastSeenMs) => ({
      ...before,
      nodes: NodeMap.of(
        Array.from(before.nodes, ([name, node]) => [
          name,
          node.lastSeenMs === undefined ? node : { ...node, lastSeenMs }
        ])
      )
    }))
  }))
}

/** Times the pause between two savings. */
const rarely = 20

export const savedRarely: Mutant = {
  id: "memory-saves-rarely",
  what: "the pause between two savings is in a unit that is far too large",
  mutate: (parts) => ({
    ...parts,
    memory: (options) => parts.memory({ ...options, saveEveryMs: options.saveEveryMs * rarely })
  })
}
