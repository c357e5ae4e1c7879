/**
 * P10 over settings, fleet and registry by themselves: a configuration that cannot be used changes nothing and says
 * which fields are wrong; the fleet goes on undisturbed; no secret shows; and the next sound one is taken.
 *
 * Method: sound configurations are spoilt in one of the ways in which people spoil them, beside changes that would be
 * sound by themselves: new nodes, others gone, another value. Somebody looks all the while: everything is as it was,
 * and the node that answers is polled on.
 */
import { Effect, Result } from "effect"
import * as fc from "fast-check"
import type { Versioned } from "../../core/config/Settings.ts"
import { draw } from "../../sim/Draw.ts"
import { sometimes } from "../../sim/Sim.ts"
import * as ConfiguredFleet from "../ConfiguredFleet.ts"
import { certificate, mistakes, pem, secret, table, textOf } from "../oracles/WrongConfigs.ts"
import { eventually, holds, violated } from "../Property.ts"
import type { Property } from "../Property.ts"

const answering = table(ConfiguredFleet.answering, 'url = "http://steady:9001"')
const old = table("old", 'url = "https://old:9001"', `tls_ca = "${certificate}"`)
/** With a node that the next one does not have, or without. */
const soundWith = (hasOld: boolean): string =>
  textOf({ sections: { log: 'level = "info"' }, nodes: hasOld ? answering + old : answering })
const sound = { few: soundWith(false), more: soundWith(true) } as const
/** Sound as well, and different in all that can change. */
const other = { sections: { log: 'level = "debug"' }, nodes: answering + table("new", 'url = "http://new:9001"') }

const workload = fc.record({
  mistake: fc.constantFrom(...mistakes),
  alsoVanishes: fc.boolean(),
  looks: fc.nat(6),
  first: fc.constantFrom("few", "few", "more"),
  /** What is looked at afterwards. */
  last: fc.constantFrom("the node", "a sound one", "a sound one", "a sound one")
})
type Plan = ReturnType<typeof workload.generate>["value"]

interface Scene {
  readonly console: ConfiguredFleet.ConfiguredFleet
  /** What the surroundings were told is in use, as by the settings themselves. */
  readonly applied: ReadonlyArray<Versioned>
}

/** All that a refused reload leaves as it is. */
const stateOf = ({ applied, console }: Scene) =>
  Effect.gen(function* () {
    const { nodes } = yield* console.registry.state
    const entries = Array.from(nodes.values(), ({ addition, entry }) => `${entry.name} ${addition}`).join(", ")
    const { settings, version } = yield* console.settings.overview
    return { value: console.settings.currentUnsafe(), entries, settings, version, applied: applied.length }
  })
type State = Effect.Success<ReturnType<typeof stateOf>>

/** The fields that the refusal names. */
const refusal = Effect.fnUntraced(function* ({ console }: Scene) {
  const outcome = yield* Effect.result(console.settings.reload)
  if (Result.isSuccess(outcome)) return yield* violated("a configuration with a mistake was taken")
  const { failure } = outcome
  const told = failure._tag === "ReloadFailed" ? [failure.field] : failure.problems.map(({ field }) => field)
  yield* holds(!JSON.stringify(failure).includes(secret), () => `the refusal tells a secret: ${failure.message}`)
  return told
})

const checkSame = Effect.fnUntraced(function* (scene: Scene, what: string, before: State) {
  const after = yield* stateOf(scene)
  yield* holds(after.value === before.value, () => `${what}: the value changed to version ${after.value.version}`)
  yield* holds(after.entries === before.entries, () => `${what}: nodes were ${before.entries} and are ${after.entries}`)
  yield* holds(
    after.settings === before.settings && after.version === before.version,
    () => `${what}: another configuration is shown`
  )
  yield* holds(after.applied === before.applied, () => `${what}: limits and origins became those of it`)
})

const spoil = Effect.fnUntraced(function* (scene: Scene, { alsoVanishes, looks, mistake }: Plan) {
  const { console } = scene
  const { field, text, what } = mistake
  const before = yield* stateOf(scene)
  console.write(text(other, ConfiguredFleet.file))
  if (alsoVanishes) console.remove(certificate)
  const looking = Effect.forEach(
    Array.from({ length: looks }),
    () => Effect.andThen(Effect.yieldNow, checkSame(scene, what, before)),
    { discard: true }
  )
  const [fields] = yield* Effect.all([refusal(scene), looking], { concurrency: "unbounded" })
  yield* sometimes("refused by call")
  yield* holds(fields.includes(field), () => `${what}: ${field} is wrong, the refusal names ${fields.join(", ")}`)
  yield* checkSame(scene, what, before)
  yield* holds(!console.logged().includes(secret), () => `${what}: a secret is in the log`)
  const known = (yield* console.components.all).find(({ name }) => name === "configuration")
  yield* holds(
    known?.lastError !== undefined && !known.lastError.message.includes(secret),
    () => `${what}: the health of the configuration does not tell it, or tells a secret`
  )
})

const lastSeen = (console: ConfiguredFleet.ConfiguredFleet) =>
  Effect.map(Effect.orDie(console.fleet.node(ConfiguredFleet.answering)), (view) => view.last_seen ?? "")

export const program: Property["program"] = Effect.fnUntraced(function* (parts) {
  const plan = yield* draw(workload)
  const applied: Array<Versioned> = []
  const console = yield* ConfiguredFleet.make({
    parts,
    text: sound[plan.first],
    files: { [certificate]: pem },
    isAnswered: plan.last === "the node",
    applied: (value) => void applied.push(value)
  })
  yield* spoil({ console, applied }, plan)
  yield* plan.last === "the node" ? checkPolled(console) : checkSound(console, plan)
}, Effect.scoped)

const checkPolled = Effect.fnUntraced(function* (console: ConfiguredFleet.ConfiguredFleet) {
  const seen = yield* lastSeen(console)
  yield* eventually({
    what: "the node that answers is polled on",
    withinMs: 10_000,
    look: lastSeen(console),
    until: (now) => now > seen
  })
})

const checkSound = Effect.fnUntraced(function* (console: ConfiguredFleet.ConfiguredFleet, { first }: Plan) {
  console.write(textOf(other))
  const report = yield* Effect.catch(console.settings.reload, ({ message }) => violated(`refused: ${message}`))
  const removed = first === "more" ? "old" : ""
  yield* holds(
    report.version === 2 && report.nodes.added.join() === "new" && report.nodes.removed.join() === removed,
    () => `the next sound configuration was taken as ${JSON.stringify(report)}`
  )
})
