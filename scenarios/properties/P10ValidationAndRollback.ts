/**
 * P10, validation and rollback (R4.3, R4.5): a configuration that cannot be used changes nothing and says which fields
 * are wrong; the fleet goes on undisturbed; no secret shows; and the next sound one is taken.
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
import * as ConfigMutants from "../mutants/ConfigMutants.ts"
import { eventually, holds, violated } from "../Property.ts"
import type { Property } from "../Property.ts"

const { password, username } = ConfiguredFleet.credentials
const secret = "s3cr3t"
const certificate = "/ca.pem"
const pem = "-----BEGIN CERTIFICATE-----\nMAo=\n-----END CERTIFICATE-----\n"

/** One table of nodes. */
const table = (name: string, ...settings: ReadonlyArray<string>): string =>
  ["[[nodes]]", `name = "${name}"`, ...settings, ""].join("\n")

const answering = table("steady", 'url = "http://steady:9001"', `username = "${username}"`, `password = "${password}"`)
const old = table("old", 'url = "https://old:9001"', `tls_ca = "${certificate}"`)
const sound = `[log]\nlevel = "info"\n${answering}${old}`
/** Sound as well, and different in all that can change. */
const other = `[log]\nlevel = "debug"\n${answering}${table("new", 'url = "http://new:9001"')}`

interface Mistake {
  readonly what: string
  /** The file instead of `other`; none when it is not there at all. */
  readonly text: string | undefined
  /** The field that has to be named. */
  readonly field: string
}

const added = (lines: string): string => `${other}${lines}`
const node = (settings: string) => added(`[[nodes]]\nname = "third"\n${settings}`)
const key = `-----BEGIN ${secret}`

const mistakes: ReadonlyArray<Mistake> = [
  { what: "no TOML", text: added(`[poll\npassword = "${secret}"`), field: "" },
  { what: "a file that is not there", text: undefined, field: "" },
  { what: "an unknown setting", text: added("[bus]\nwrokers = 1\n"), field: "bus.wrokers" },
  { what: "an unknown section", text: added("[wrong]\n"), field: "wrong" },
  { what: "another type", text: added("[poll]\nconcurrency = true\n"), field: "poll.concurrency" },
  { what: "out of range", text: added("[server]\nport = 70000\n"), field: "server.port" },
  { what: "a time without a unit", text: added("[poll]\ninterval = 2\n"), field: "poll.interval" },
  { what: "a name that is taken", text: added('[[nodes]]\nname = "new"\nurl = "http://x"\n'), field: "nodes[2].name" },
  { what: "no address", text: added('[[nodes]]\nname = "third"\n'), field: "nodes[2].url" },
  { what: "credentials in an address", text: node(`url = "http://u:${secret}@h"\n`), field: "nodes[2].url" },
  {
    what: "an unset variable",
    text: node(`url = "http://h"\nusername = "u"\npassword = "\${NO_SUCH}"\n`),
    field: "nodes[2].password"
  },
  { what: "a password alone", text: node(`url = "http://h"\npassword = "${secret}"\n`), field: "nodes[2].username" },
  {
    what: "a certificate without https",
    text: node(`url = "http://h"\ntls_ca = "${certificate}"\n`),
    field: "nodes[2].tls_ca"
  },
  {
    what: "a certificate that is not there",
    text: node('url = "https://h"\ntls_ca = "/none.pem"\n'),
    field: "nodes[2].tls_ca"
  },
  {
    what: "a certificate that is none",
    text: node(`url = "https://h"\ntls_ca = "${ConfiguredFleet.file}"\n`),
    field: "nodes[2].tls_ca"
  },
  {
    what: "a key that is none",
    text: node(`url = "https://h"\ntls_certificate = ${JSON.stringify(pem)}\ntls_key = '${key}'\n`),
    field: "nodes[2].tls_key"
  },
  { what: "a database that is none", text: added(`[database]\nurl = "mysql:u:${secret}"\n`), field: "database.url" },
  {
    what: "headers without a collector",
    text: added(`[telemetry]\notlp_headers = "X-Key=${secret}"\n`),
    field: "telemetry.otlp_url"
  },
  {
    what: "headers that are none",
    text: added(`[telemetry]\notlp_headers = "${secret}"\n`),
    field: "telemetry.otlp_headers"
  },
  { what: "a token source twice", text: added('[auth]\nsources = "header,header"\n'), field: "auth.sources" },
  {
    what: "tokens that outlive their session",
    text: added('[auth]\naccess_token_ttl = "2h"\nsession_ttl = "1h"\n'),
    field: "auth.access_token_ttl"
  },
  {
    what: "a warning after the alarm",
    text: added('[limits]\nmemory_warning = "3GiB"\n'),
    field: "limits.memory_critical"
  },
  { what: "pauses that shrink", text: added('[database]\nretry_delay = "9s"\n'), field: "database.retry_delay_max" }
]

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
  if (text === undefined) yield* Effect.ignore(console.fs.remove(ConfiguredFleet.file))
  else yield* console.write(text)
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

const program: Property["program"] = Effect.fnUntraced(function* (parts) {
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
  yield* console.write(other)
  const report = yield* Effect.catch(console.settings.reload, ({ message }) => violated(`refused: ${message}`))
  yield* holds(
    report.version === 2 && report.nodes.added.join() === "new" && report.nodes.removed.join() === "old",
    () => `the next sound configuration was taken as ${JSON.stringify(report)}`
  )
}, Effect.scoped)

export const P10: Property = {
  id: "P10",
  title: "validation and rollback",
  requirements: ["R4.3", "R4.5"],
  marks: [],
  program,
  mutants: [
    ConfigMutants.appliedFirst,
    ConfigMutants.lenientTls,
    ConfigMutants.emptyOnError,
    ConfigMutants.withoutField
  ]
}
