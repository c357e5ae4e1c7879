/** The accounts under the orders and the faults that the simulator draws. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import * as Sim from "../../../sim/Sim.ts"
import { Database } from "../../../sim/sql/Database.ts"
import { addUser, agrees, holds, login, origin, startConsole, verdict } from "./AccountsWorld.ts"

describe("Accounts in the simulator", () => {
  it("are in memory what they are in the database, wherever it fails or somebody is interrupted", () => {
    const { runs } = holds(
      Effect.gen(function* () {
        const accounts = yield* startConsole()
        yield* addUser(accounts, "ada")
        const grant = yield* login(accounts)
        const at = yield* Sim.choose("workload", 14)
        const kind = yield* Sim.choose("workload", 3)
        let points = 0
        const database = yield* Database
        const fault = kind === 0 ? ({ _tag: "reset" } as const) : ({ _tag: "fail", code: "SQLITE_FULL" } as const)
        yield* Effect.scoped(
          Effect.gen(function* () {
            if (kind < 2) yield* database.rule(() => (points++ === at ? fault : { _tag: "pass" }))
            const work = Effect.forEach(
              [
                accounts.changeUser("ada", { role: "viewer" }),
                accounts.refresh(grant.refreshToken, origin),
                accounts.createToken(grant.principal, { name: "t", role: "viewer", limits: {}, expiresMs: undefined }),
                addUser(accounts, "eve"),
                accounts.removeUser("ada")
              ],
              (each) => Effect.asVoid(verdict<unknown, { readonly _tag: string }>(each)),
              { discard: true }
            )
            yield* kind === 2 ? Sim.interruptSometime(work, { withinSteps: 2_000 }) : work
          })
        )
        yield* Effect.sleep(20_000)
        yield* agrees(accounts)
      }),
      { runs: 12 }
    )
    assert.strictEqual(runs, 12)
  })

  it("keep one administrator, and one session, whatever happens at the same moment on two consoles", () =>
    void holds(
      Effect.gen(function* () {
        const shared = { surroundings: { isShared: true } }
        const consoles = yield* Effect.all([startConsole(shared), startConsole(shared)], { concurrency: "unbounded" })
        const [one, two] = consoles
        assert.strictEqual((yield* one.users).length, 1)
        yield* addUser(one, "ada", "admin")
        const grant = yield* login(one)
        yield* Effect.sleep(6_000)
        const refreshed = yield* Effect.all(
          [one.refresh(grant.refreshToken, origin), two.refresh(grant.refreshToken, origin)],
          { concurrency: "unbounded" }
        )
        const texts = new Set(refreshed.map(({ refreshToken }) => Redacted.value(refreshToken)))
        assert.strictEqual(texts.size, 1)
        const demoted = yield* Effect.all(
          [verdict(one.changeUser("ada", { role: "viewer" })), verdict(two.changeUser("admin", { disabled: true }))],
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(demoted.toSorted(), ["LastAdmin", "in"])
        yield* Effect.sleep(6_000)
        yield* agrees(one)
        yield* agrees(two)
      }),
      { runs: 5 }
    ))
})
