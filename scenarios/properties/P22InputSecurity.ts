/**
 * P22, input security (R9.1, R9.2, R9.3, R9.4, R9.5): whatever comes in, by requests, by frames, by what nodes report,
 * by a configuration that is loaded again: tables are as they were, users are those that were asked for and have the
 * roles that were asked for, no file appears, no answer is a page or that of a bug, no line of the log and no cell of
 * an export is more than text, and the console stays healthy.
 *
 * Method: texts that have broken programs before, in every place that takes a text: paths, queries, headers, bodies of
 * any form and depth, frames, names of processes, commands and output of programs, names, addresses and file names of a
 * configuration.
 */
import { Effect } from "effect"
import * as fc from "fast-check"
import type { ConsoleOptions } from "../../core/Console.ts"
import { draw } from "../../sim/Draw.ts"
import { sometimes } from "../../sim/Sim.ts"
import * as InputMutants from "../mutants/InputMutants.ts"
import { healthyAgain } from "../oracles/Health.ts"
import * as Neutralised from "../oracles/Neutralised.ts"
import * as ApiClient from "../peers/ApiClient.ts"
import { eventually, holds } from "../Property.ts"
import type { Property } from "../Property.ts"
import * as World from "../World.ts"
import * as Hostile from "./P22Hostile.ts"

const workload = fc.record({
  requests: fc.array(Hostile.request, { minLength: 3, maxLength: 8 }),
  frames: fc.array(Hostile.frame, { maxLength: 4 }),
  names: fc.uniqueArray(Hostile.textOfXml, { minLength: 1, maxLength: 2 }),
  command: Hostile.textOfXml,
  output: Hostile.text,
  setting: fc.option(Hostile.setting, { freq: 3 })
})
type Plan = ReturnType<typeof workload.generate>["value"]

const optionsOf: ConsoleOptions = {
  ...World.consoleOptions,
  accounts: { ...World.consoleOptions.accounts, anonymousRole: undefined }
}

const programs = ({ command, names, output }: Plan) => [
  { ...World.steady("app", "api"), prints: [{ afterMs: 100, text: output }] },
  ...names.flatMap((name) => [
    World.steady("app", name),
    { ...World.steady(name, "broken"), broken: "no file" as const, command: `/bin/${command}`, startRetries: 1 }
  ])
]

const hub = (world: World.World, token: string, frames: Plan["frames"]) =>
  Effect.scoped(
    Effect.gen(function* () {
      const ticket = yield* ApiClient.ask(world, {
        method: "POST",
        path: "/api/auth/ticket",
        headers: { authorization: `Bearer ${token}` }
      })
      const found = /"ticket":"([^"]*)"/.exec(ticket?.body ?? "")?.[1] ?? ""
      const client = yield* world.connect("browser", `?ticket=${found}`)
      yield* Effect.forkScoped(client.read)
      yield* Effect.forEach(frames, client.send, { discard: true })
      yield* Effect.sleep(500)
    })
  ).pipe(Effect.ignore)

/** Nobody who reads what the console writes takes it for more than text, and it met no bug. */
const harmless = Effect.fnUntraced(function* (world: World.World, exported: string) {
  const lines = world.lines().flatMap((line) => Neutralised.wrongLine(line) ?? [])
  const bugs = world.errors().filter((error) => !error.includes("the configuration stays as it was"))
  const wrongExport = Neutralised.wrongExport(exported)
  yield* holds(wrongExport === undefined, () => wrongExport ?? "")
  yield* holds(lines.length === 0, () => lines.join("; "))
  yield* holds(bugs.length === 0, () => `the console logged errors: ${bugs.join("; ")}`)
})

const program: Property["program"] = (parts) =>
  Effect.scoped(
    Effect.gen(function* () {
      const plan = yield* draw(workload)
      const isFromFile = plan.setting !== null
      const world = yield* World.make({
        nodes: { n0: programs(plan) },
        options: optionsOf,
        ...(isFromFile ? { config: World.configText(["n0"], Hostile.admins) } : {}),
        keepsLines: true,
        parts
      })
      const tokens = yield* ApiClient.logins(world.accounts, ["vera", "adam"])
      const token = tokens.get("adam") ?? ""
      yield* eventually({
        what: "the node is up",
        withinMs: 60_000,
        look: world.fleet.nodes,
        until: (nodes) => nodes.every(({ status }) => status === "up")
      })
      const tables = yield* Effect.orDie(Neutralised.tablesOf(world.sql))
      const users = new Set((yield* Effect.orDie(Neutralised.usersOf(world.sql))).split("\n"))
      const paths = Neutralised.pathsOf(world.disk).join("\n")
      const ask = Effect.fnUntraced(function* (asked: ApiClient.Asked) {
        const answer = yield* ApiClient.ask(world, asked)
        const body = typeof asked.body === "string" ? asked.body.slice(0, 200) : ""
        const story = `${asked.method} ${asked.path.slice(0, 200)} ${body}`
        const wrong = answer === undefined ? "no answer" : Neutralised.wrongAnswer(answer)
        yield* holds(wrong === undefined, () => `${story}: ${wrong}`)
        return answer
      })
      for (const each of plan.requests) {
        const authorization = each.path === "/api/auth/login" ? {} : { authorization: `Bearer ${token}` }
        const answer = yield* ask({ ...each, headers: { ...Hostile.onTheWire(each.headers), ...authorization } })
        const made = answer === undefined ? undefined : Hostile.madeBy(each, answer)
        if (made !== undefined) users.add(made)
        yield* sometimes(`answered ${answer?.status}`)
      }
      yield* hub(world, token, plan.frames)
      if (plan.setting !== null) {
        const [place, value] = plan.setting
        yield* Effect.orDie(world.files.writeFileString(World.configFile, Hostile.spoilt(place, value)))
        const answer = yield* ask({
          method: "POST",
          path: "/api/config/reload",
          headers: { authorization: `Bearer ${token}` }
        })
        yield* sometimes(`reload: ${answer?.status}`)
        yield* holds(!/password\s*=/.test(answer?.body ?? ""), () => `a file is shown: ${answer?.body}`)
        yield* Effect.orDie(world.files.writeFileString(World.configFile, World.configText(["n0"], Hostile.admins)))
        yield* ask({ method: "POST", path: "/api/config/reload", headers: { authorization: `Bearer ${token}` } })
      }
      const exported = yield* ask({
        method: "GET",
        path: "/api/activity/export?format=csv",
        headers: { authorization: `Bearer ${token}` }
      })
      yield* harmless(world, exported?.body ?? "")
      yield* holds(Neutralised.pathsOf(world.disk).join("\n") === paths, () => "files came or went")
      const after = yield* Effect.orDie(Neutralised.tablesOf(world.sql))
      yield* holds(after === tables, () => `the tables are now ${after}`)
      const present = yield* Effect.orDie(Neutralised.usersOf(world.sql))
      yield* holds(present === [...users].toSorted().join("\n"), () => `the users are now ${present}`)
      yield* holds(Object.keys(Object.prototype).length === 0, () => "every object has a field more")
      yield* healthyAgain(world)
    })
  )

export const P22: Property = {
  id: "P22",
  title: "input security",
  requirements: ["R9.1", "R9.2", "R9.3", "R9.4", "R9.5"],
  marks: [
    "a log on its tables was searched",
    "a client sent too many invalid frames",
    "a reload was refused",
    "reload: 200"
  ],
  program,
  focus: Hostile.program,
  mutants: [
    InputMutants.gluedStatement,
    InputMutants.formulasInExport,
    InputMutants.pageNamesThePath,
    InputMutants.decodesFirst
  ]
}
