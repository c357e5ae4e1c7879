/**
 * P10, further, over settings, fleet and registry by themselves: a configuration that cannot be used changes nothing
 * and says which fields are wrong; the fleet goes on undisturbed; no secret shows; and the next sound one is taken.
 *
 * Method: sound configurations are spoilt in one of the ways in which people spoil them, beside changes that would be
 * sound by themselves: new nodes, others gone, another value. After each refused reload everything is as it was, and
 * the node that answers is polled on.
 */
import { Effect, Result } from "effect"
import * as fc from "fast-check"
import { draw } from "../../sim/Draw.ts"
import { sometimes } from "../../sim/Sim.ts"
import * as ConfiguredFleet from "../ConfiguredFleet.ts"
import { certificate, mistakes, pem, secret, textOf, table } from "../oracles/WrongConfigs.ts"
import { eventually, holds, violated } from "../Property.ts"
import type { Property } from "../Property.ts"

const { password, username } = ConfiguredFleet.credentials

const answering = table("steady", 'url = "http://steady:9001"', `username = "${username}"`, `password = "${password}"`)
const old = table("old", 'url = "https://old:9001"', `tls_ca = "${certificate}"`)
const sound = textOf({ sections: { log: 'level = "info"' }, nodes: answering + old })
/** Sound as well, and different in all that can change. */
const other = { sections: { log: 'level = "debug"' }, nodes: answering + table("new", 'url = "http://new:9001"') }

const workload = fc.record({
  tries: fc.array(
    fc.record({ mistake: fc.constantFrom(...mistakes), bySignal: fc.boolean(), alsoVanishes: fc.boolean() }),
    { minLength: 1, maxLength: 4 }
  )
})
type Try = ReturnType<typeof workload.generate>["value"]["tries"][number]

type Console = ConfiguredFleet.ConfiguredFleet

/** All that a refused reload leaves as it is. */
const stateOf = (console: Console) =>
  Effect.gen(function* () {
    const { nodes } = yield* console.registry.state
    const entries = Array.from(nodes.values(), ({ addition, entry }) => `${entry.name} ${addition}`).join(", ")
    const shown = JSON.stringify(yield* console.settings.overview)
    return { value: console.settings.currentUnsafe(), entries, shown, made: console.made().length }
  })

/** The fields that the refusal names; of a signal, the log does. */
const refusal = Effect.fnUntraced(function* (console: Console, bySignal: boolean) {
  if (bySignal) {
    const before = yield* errorsOf(console)
    yield* console.hangUp
    yield* eventually({
      what: "the signal is answered",
      withinMs: 1_000,
      look: errorsOf(console),
      until: (errors) => errors > before
    })
    return undefined
  }
  const outcome = yield* Effect.result(console.settings.reload)
  if (Result.isSuccess(outcome)) return yield* violated("a configuration with a mistake was taken")
  const { failure } = outcome
  const told = failure._tag === "ReloadFailed" ? [failure.field] : failure.problems.map(({ field }) => field)
  yield* holds(!JSON.stringify(failure).includes(secret), () => `the refusal tells a secret: ${failure.message}`)
  return told
})

const errorsOf = ({ components }: Console) =>
  Effect.map(components.all, (all) => all.find(({ name }) => name === "configuration")?.errors ?? 0)

const spoil = Effect.fnUntraced(function* (console: Console, { alsoVanishes, bySignal, mistake }: Try) {
  const { field, text, what } = mistake
  const before = yield* stateOf(console)
  yield* console.write(text(other, ConfiguredFleet.file))
  if (alsoVanishes) yield* Effect.ignore(console.fs.remove(certificate))
  const fields = yield* refusal(console, bySignal)
  yield* sometimes(bySignal ? "refused by signal" : "refused by call")
  if (fields !== undefined) {
    yield* holds(fields.includes(field), () => `${what}: ${field} is wrong, the refusal names ${fields.join(", ")}`)
  }
  const after = yield* stateOf(console)
  yield* holds(after.value === before.value, () => `${what}: the value changed to version ${after.value.version}`)
  yield* holds(after.entries === before.entries, () => `${what}: nodes were ${before.entries} and are ${after.entries}`)
  yield* holds(after.shown === before.shown, () => `${what}: another configuration is shown`)
  yield* holds(!console.logged().includes(secret), () => `${what}: a secret is in the log`)
  const known = (yield* console.components.all).find(({ name }) => name === "configuration")
  yield* holds(
    known?.lastError !== undefined && !known.lastError.message.includes(secret),
    () => `${what}: the health of the configuration does not tell it, or tells a secret`
  )
})

const lastSeen = (console: Console) =>
  Effect.map(Effect.orDie(console.fleet.node("steady")), (view) => view.last_seen ?? "")

export const program: Property["program"] = Effect.fnUntraced(function* (parts) {
  const { tries } = yield* draw(workload)
  const console = yield* ConfiguredFleet.make({ parts, text: sound, files: { [certificate]: pem } })
  yield* Effect.sleep(100)
  for (const one of tries) yield* spoil(console, one)
  const seen = yield* lastSeen(console)
  yield* eventually({
    what: "the node that answers is polled on",
    withinMs: 10_000,
    look: lastSeen(console),
    until: (now) => now > seen
  })
  yield* console.write(textOf(other))
  const report = yield* Effect.catch(console.settings.reload, ({ message }) => violated(`refused: ${message}`))
  yield* holds(
    report.version === 2 && report.nodes.added.join() === "new" && report.nodes.removed.join() === "old",
    () => `the next sound configuration was taken as ${JSON.stringify(report)}`
  )
}, Effect.scoped)
