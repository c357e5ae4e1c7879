/**
 * P10, validation and rollback (R4.3, R4.5): a configuration that cannot be used changes nothing, is answered and
 * logged with the fields that are wrong, and tells no secret; and the next sound one is taken.
 *
 * Method: a console has its configuration from a file. Somebody puts one in its place that is different in all that can
 * change, with a mistake in it; or spoils the file itself: it is missing, empty, not readable, no text, a directory, or
 * on a disk that fails or hangs. It is loaded by SIGHUP or by the API. Before, meanwhile and afterwards everything that
 * is seen by any door is the same: the configuration, the nodes, whose pages are let in, what a client of the hub is
 * told. See `P10Refusals` for settings, fleet and registry by themselves.
 */
import { Effect, Fiber, Schema } from "effect"
import * as fc from "fast-check"
import { ConfigProblem } from "../../core/config/ConfigErrors.ts"
import type { ConsoleParts } from "../../core/Console.ts"
import { draw } from "../../sim/Draw.ts"
import { sometimes } from "../../sim/Sim.ts"
import * as ConfigMutants from "../mutants/ConfigMutants.ts"
import * as WrongConfigs from "../oracles/WrongConfigs.ts"
import * as ConfigReader from "../peers/ConfigReader.ts"
import { eventually, holds, violated } from "../Property.ts"
import type { Property } from "../Property.ts"
import * as World from "../World.ts"
import * as Refusals from "./P10Refusals.ts"

const { certificate, mistakes, pem, secret, spoiltFiles, table, textOf } = WrongConfigs

const pages = { old: "http://old-page", new: "http://new-page" } as const

const sectionsOf = (page: string, requestsMax: number) => ({
  auth: 'anonymous_role = "admin"',
  server: `cors_origins = "${page}"`,
  poll: 'interval = "10s"',
  limits: `requests_max = ${requestsMax}`
})

/** A node that answers, and others that no host has. */
const answering = World.configText(["steady"])
const sound = textOf({
  sections: sectionsOf(pages.old, 1_001),
  nodes: `${answering}\n${table("old", 'url = "https://old:9001"', `tls_ca = "${certificate}"`)}`
})
/** Sound as well, and different in all that can change. */
const other: WrongConfigs.Sound = {
  sections: sectionsOf(pages.new, 1_002),
  nodes: `${answering}\n${table("new", 'url = "http://new:9001"')}`
}

const workload = fc.record({
  wrong: fc.oneof(
    fc.record({ mistake: fc.constantFrom(...mistakes) }),
    fc.record({ file: fc.constantFrom(...spoiltFiles) })
  ),
  bySignal: fc.boolean(),
  certificateGoes: fc.boolean(),
  meanwhile: fc.constantFrom("config", "nodes", "page", "hub")
})
type Plan = ReturnType<typeof workload.generate>["value"]

const whatOf = ({ wrong }: Plan): string => ("mistake" in wrong ? wrong.mistake.what : `a file that is ${wrong.file}`)

const fieldOf = ({ wrong }: Plan): string => ("mistake" in wrong ? wrong.mistake.field : "")

const put = ({ files }: World.World, text: string) => {
  const draft = `${World.configFile}.draft`
  return Effect.orDie(Effect.andThen(files.writeFileString(draft, text), files.rename(draft, World.configFile)))
}

/** All that people see of the configuration. */
const seen = (world: World.World) =>
  Effect.gen(function* () {
    const { nodes, setting, version } = yield* ConfigReader.overview(world)
    const { version: inUse } = world.settings.currentUnsafe()
    const marks = ["limits.requests_max", "server.cors_origins"].map((name) => String(setting(name)))
    return `version ${version} (${inUse}), ${marks.join(" ")}, nodes ${nodes}`
  })

const shownBefore = `version 1 (1), 1001 ${pages.old}, nodes old/- steady/-`
const nodesBefore = "old/- steady/-"

/** One look while the reload is under way, and one after it. */
const same = Effect.fnUntraced(function* (world: World.World, what: string, door: Plan["meanwhile"]) {
  switch (door) {
    case "config": {
      const shown = yield* seen(world)
      return yield* holds(shown === shownBefore, () => `${what}: ${shown}, it was ${shownBefore}`)
    }
    case "nodes":
    case "hub": {
      const nodes = yield* door === "nodes" ? ConfigReader.nodes(world) : ConfigReader.snapshot(world, "visitor")
      return yield* holds(nodes === nodesBefore, () => `${what}: ${door} shows ${nodes}, nodes were ${nodesBefore}`)
    }
    case "page": {
      const isIn = yield* ConfigReader.letsIn(world, pages.new)
      return yield* holds(!isIn, () => `${what}: a page of the configuration that was refused is let in`)
    }
  }
})

const Refused = Schema.Struct({
  code: Schema.Literal("config_invalid"),
  details: Schema.Struct({
    problems: Schema.NonEmptyArray(Schema.Struct({ field: ConfigProblem.fields.field, message: Schema.NonEmptyString }))
  })
})
const decodeRefused = Schema.decodeUnknownOption(Schema.fromJsonString(Refused))

/** Longer than a file may take to be read. */
const refusedMs = 12_000

/** Asks for the reload, and reads of the refusal which fields are wrong. */
const refusal = Effect.fnUntraced(function* (world: World.World, what: string, bySignal: boolean) {
  if (!bySignal) {
    const answer = yield* ConfigReader.reload(world)
    if (!("status" in answer)) return yield* violated(`${what}: it was taken, as version ${answer.version}`)
    yield* holds(!answer.body.includes(secret), () => `${what}: the refusal tells a secret: ${answer.body}`)
    const refused = decodeRefused(answer.body)
    if (answer.status !== 422 || refused._tag === "None") {
      return yield* violated(`${what}: answered ${answer.status} ${answer.body}`)
    }
    return refused.value.details.problems.map(({ field }) => field)
  }
  yield* world.signal("SIGHUP")
  const lines = yield* eventually({
    what: `${what}: the signal is answered in the log`,
    withinMs: refusedMs,
    look: Effect.sync(() => world.errors()),
    until: (errors) => errors.length > 0
  })
  return lines.flatMap((line) => line.match(/[a-z_]+(?:\[\d+\])?(?:\.[a-z_]+)*/g) ?? []).concat("")
})

const program = Effect.fnUntraced(function* (parts: ConsoleParts) {
  const plan = yield* draw(workload)
  const what = whatOf(plan)
  const world = yield* World.make({
    nodes: { steady: [World.steady("app", "api")] },
    config: sound,
    otherFiles: { [certificate]: pem },
    network: { latencyMsMin: 0, latencyMsMax: 2 },
    parts
  })
  const stayer = yield* Effect.orDie(world.connect("stayer"))
  const reading = yield* Effect.forkChild(stayer.read)
  const { wrong } = plan
  yield* Effect.scoped(
    Effect.gen(function* () {
      if ("mistake" in wrong) yield* put(world, wrong.mistake.text(other, World.configFile))
      else yield* Effect.orDie(WrongConfigs.spoilFile({ ...world, text: textOf(other) }, World.configFile, wrong.file))
      if (plan.certificateGoes) yield* Effect.orDie(world.files.remove(certificate))
      const [fields] = yield* Effect.all([refusal(world, what, plan.bySignal), same(world, what, plan.meanwhile)], {
        concurrency: "unbounded"
      })
      const field = fieldOf(plan)
      yield* holds(fields.includes(field), () => `${what}: ${field} is wrong, the refusal names ${fields.join(", ")}`)
      yield* sometimes("mistake" in wrong ? "a mistake was refused" : "a spoilt file was refused")
      yield* sometimes(plan.bySignal ? "refused by signal" : "refused by call")
    })
  )
  yield* same(world, what, "config")
  yield* same(world, what, "page")
  const known = (yield* world.components.all).find(({ name }) => name === "configuration")
  yield* holds(
    known?.status === "degraded" && known.lastError !== undefined,
    () => `${what}: the health of the configuration is ${known?.status}`
  )
  const told = `${world.errors().join("\n")}\n${JSON.stringify(known)}`
  yield* holds(told.includes("stays as it was"), () => `${what}: the log does not tell that it was refused`)
  yield* holds(!told.includes(secret), () => `${what}: a secret is in the log or the health`)
  const before = ConfigReader.told(yield* stayer.received)
  yield* holds(before.length === 1, () => `${what}: the client that stays was told of ${before.length} fleets`)

  yield* put(world, textOf(other))
  const report = yield* ConfigReader.reload(world)
  yield* holds(
    "version" in report &&
      report.version === 2 &&
      report.nodes.added.join() === "new" &&
      report.nodes.removed.join() === "old",
    () => `after ${what} a sound configuration was taken as ${JSON.stringify(report)}`
  )
  yield* holds(yield* ConfigReader.letsIn(world, pages.new), () => "a page of the configuration in use is refused")
  const nodes = ConfigReader.describeNodes(ConfigReader.told(yield* stayer.received).at(-1) ?? [])
  yield* holds(nodes === "new/- steady/-", () => `after a sound configuration the client that stays knows ${nodes}`)
  yield* Fiber.interrupt(reading)
}, Effect.scoped)

export const P10: Property = {
  id: "P10",
  title: "validation and rollback",
  requirements: ["R4.3", "R4.5"],
  marks: ["a reload was refused", "refused by call", "refused by signal"],
  program,
  focus: Refusals.program,
  mutants: [
    ConfigMutants.appliedFirst,
    ConfigMutants.lenientTls,
    ConfigMutants.emptyOnError,
    ConfigMutants.withoutField,
    ConfigMutants.usedOnceRead
  ]
}
