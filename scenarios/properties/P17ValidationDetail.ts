/**
 * P17, validation detail (R7.3, R7.5): of an input with wrong fields exactly these are named, each with its reason; and
 * no answer holds a secret: not a password that was sent, right or wrong or in a field that is misspelt or of another
 * type, nor a token, a cookie, or the password of a node.
 *
 * Method: sound inputs of every endpoint that takes any, of which some fields are spoilt in ways that are known: left
 * out, added, of another type, out of range, too long, several at once. What is wrong with the path is told before what
 * is wrong with the query, and that before the body. Between them logins that fail and succeed, and looks at the
 * configuration and at nodes that cannot be reached.
 */
import { Effect } from "effect"
import * as fc from "fast-check"
import { draw } from "../../sim/Draw.ts"
import * as ErrorMutants from "../mutants/ErrorMutants.ts"
import * as ApiClient from "../peers/ApiClient.ts"
import { holds } from "../Property.ts"
import type { Property } from "../Property.ts"
import * as World from "../World.ts"
import * as Answers from "./P17Answers.ts"

export { wrongWith } from "./P17Answers.ts"

const workload = fc.record({ ...Answers.planned, isFromFile: fc.constantFrom(false, false, true) })

const nodePassword = "hush-of-the-node"

/** A node that is never reached, and whose password nobody may see. */
const configFile = [
  "[[nodes]]",
  'name = "away"',
  'url = "http://away:9001"',
  'username = "muster"',
  `password = "${nodePassword}"`,
  ""
].join("\n")

const { consoleOptions } = World

const program: Property["program"] = (parts) =>
  Effect.scoped(
    Effect.gen(function* () {
      const plan = yield* draw(workload)
      const hush = `hush-${plan.number}`
      const world = yield* World.make({
        nodes: {},
        options: { ...consoleOptions, accounts: { ...consoleOptions.accounts, anonymousRole: undefined } },
        ...(plan.isFromFile ? { config: configFile } : {}),
        parts
      })
      const tokens = yield* ApiClient.logins(world.accounts, ["adam"])
      const token = tokens.get("adam") ?? ""
      yield* Answers.check({
        plan,
        hush,
        token,
        secrets: [hush, token, ApiClient.passwordOf("adam"), World.adminPassword, nodePassword, "4711471147"],
        ask: (asked) =>
          Effect.flatMap(ApiClient.ask(world, asked), (answer) =>
            answer === undefined ? Effect.die(`${asked.method} ${asked.path}: no answer`) : Effect.succeed(answer)
          )
      })
      yield* holds(world.errors().length === 0, () => `the console logged errors: ${world.errors().join("; ")}`)
    })
  )

export const P17: Property = {
  id: "P17",
  title: "validation detail",
  requirements: ["R7.3", "R7.5"],
  marks: ["GET /api/activity with 2 wrong", "POST /api/users with 2 wrong"],
  program,
  focus: Answers.program,
  mutants: [ErrorMutants.firstFieldOnly, ErrorMutants.namesNoReason, ErrorMutants.echoesBodies]
}
