import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import * as fc from "fast-check"
import { CurrentPrincipal, seesNode, seesProcess } from "../../../core/domain/Access.ts"
import type { Limits } from "../../../core/domain/Access.ts"
import type { FleetSnapshot } from "../../../core/domain/Node.ts"
import { Fleet } from "../../../core/fleet/Fleet.ts"
import { seen, seenBy, seenSnapshot } from "../../../core/fleet/FleetSight.ts"
import { addNode, countStates, empty, recordPoll, viewFleet } from "../../../core/fleet/FleetState.ts"
import { person } from "../domain/People.ts"
import { make } from "./FakeDriver.ts"
import { fleetOf, pass } from "./Fleets.ts"
import { processIn } from "./Processes.ts"

const names = fc.constantFrom("a", "b", "ab", "ba")
const patterns = fc.array(fc.constantFrom("*", "a", "b", "a*", "*b", "a:*", "*:b", "a:b", "ab:*"), { maxLength: 2 })
const limits: fc.Arbitrary<Limits> = fc.record({ nodes: patterns, programs: patterns }, { requiredKeys: [] })
const processes = fc.uniqueArray(
  fc.record({ group: names, name: names, state: fc.constantFrom("RUNNING" as const, "STOPPED" as const) }),
  { selector: ({ group, name }) => `${group}:${name}`, maxLength: 4 }
)
const fleets = fc.dictionary(names, processes, { maxKeys: 4, noNullPrototype: true }).map((nodes): FleetSnapshot => {
  let state = empty
  for (const [name, all] of Object.entries(nodes)) {
    const reported = all.map(({ state: in_, ...id }) => processIn(in_, id))
    state = addNode(state, { name, environment: undefined, kind: "supervisord" }, 0).state
    state = recordPoll(state, name, { _tag: "Answered", processes: reported }, 0).state
  }
  return viewFleet(state, { nowMs: 0, staleAfterMs: 1 })
})

describe("the fleet as somebody sees it", () => {
  it("holds what all limits allow and counts nothing else", () => {
    fc.assert(
      fc.property(fleets, fc.array(limits, { maxLength: 2 }), (fleet, all) => {
        const one = person("ada", all)
        const expected = fleet.nodes
          .filter(({ node }) => seesNode(one, node.name))
          .map(({ node, processes: here }) => {
            const left = here.filter((process) => seesProcess(one, node.name, process))
            return { node: { ...node, processes: countStates(left) }, processes: left }
          })
        assert.deepStrictEqual(seenSnapshot(one, fleet), { seq: fleet.seq, nodes: expected })
        assert.strictEqual(seenSnapshot(person("root"), fleet), fleet)
      })
    )
  })

  const build = Effect.gen(function* () {
    const nodes = { web: make({ process: processIn("RUNNING") }), db: make({ process: processIn("RUNNING") }) }
    const context = yield* Layer.build(fleetOf({ web: nodes.web.driver, db: nodes.db.driver }))
    yield* pass(1)
    return { fleet: Context.get(context, Fleet), calls: () => [...nodes.web.calls, ...nodes.db.calls] }
  })
  const hidden = person("ada", [{ nodes: ["web"], programs: ["app:other", "app:none"] }])

  const outcome = (look: Effect.Effect<unknown, { readonly _tag: string }>) =>
    Effect.map(Effect.flip(look), ({ _tag, ...fields }) => `${_tag} ${JSON.stringify(fields)}`)

  it.effect("is the fleet itself for one without limits, and for the console", () =>
    Effect.gen(function* () {
      const { fleet } = yield* build
      assert.strictEqual(yield* seen(fleet), fleet)
      assert.strictEqual(yield* Effect.provideService(seen(fleet), CurrentPrincipal, person("ada", [{}])), fleet)
    })
  )

  it.effect("answers alike for what is hidden and for what is not there, and asks no node", () =>
    Effect.gen(function* () {
      const { calls, fleet } = yield* build
      const mine = seenBy(fleet, hidden)
      const before = calls()
      assert.deepStrictEqual(
        (yield* mine.nodes).map(({ name, processes: counts }) => [name, counts]),
        [["web", {}]]
      )
      assert.deepStrictEqual(yield* mine.processes("web"), [])
      for (const node of ["db", "nowhere"]) {
        const id = { group: "app", name: "other" }
        const log = { node, ...id, channel: "stdout" } as const
        const looks: ReadonlyArray<Effect.Effect<unknown, { readonly _tag: string }>> = [
          mine.node(node),
          mine.processes(node),
          mine.process(node, id),
          mine.refresh(node),
          mine.reread(node),
          mine.update(node),
          mine.operate({ kind: "stop" }, node, id),
          mine.readLog(log, { from: 0, lengthBytesMax: 1 })
        ]
        for (const look of looks) assert.strictEqual(yield* outcome(look), `UnknownNode {"node":"${node}"}`)
      }
      for (const name of ["api", "nothing"]) {
        const id = { group: "app", name }
        const log = { node: "web", ...id, channel: "stdout" } as const
        const looks: ReadonlyArray<Effect.Effect<unknown, { readonly _tag: string }>> = [
          mine.process("web", id),
          mine.operate({ kind: "stop" }, "web", id),
          mine.readLog(log, { from: 0, lengthBytesMax: 1 })
        ]
        const expected = `UnknownProcess ${JSON.stringify({ node: "web", ...id })}`
        for (const look of looks) assert.strictEqual(yield* outcome(look), expected)
      }
      const whole: ReadonlyArray<Effect.Effect<unknown, { readonly _tag: string }>> = [
        mine.reread("web"),
        mine.update("web")
      ]
      for (const look of whole) assert.match(yield* outcome(look), /^NotPermitted /)
      assert.deepStrictEqual(calls(), before)
    })
  )
})
