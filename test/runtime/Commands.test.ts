import { assert, describe, it } from "@effect/vitest"
import { commandFor } from "../../runtime/Commands.ts"

const namesOf = async (...words: ReadonlyArray<string>) =>
  (await commandFor(words)).subcommands.flatMap(({ commands }) => commands.map(({ name }) => name))

const remote = ["nodes", "ps", "start", "stop", "restart", "signal", "tail", "update", "batches"]
const people = ["login", "logout", "users", "tokens", "activity"]
const machine = ["backup", "restore", "password"]
const simulator = ["check", "replay", "explore", "mutants", "regressions", "report", "scenarios"]
const all = ["serve", "config", ...remote, ...people, ...machine, ...simulator]

describe("the commands of muster", () => {
  it("are all there without a name, and with one that does not exist", async () => {
    assert.deepStrictEqual(await namesOf(), all)
    assert.deepStrictEqual(await namesOf("--help"), all)
    assert.deepStrictEqual(await namesOf("nodess"), all)
    assert.deepStrictEqual(await namesOf("toString"), all)
  })

  it.each(all)("are %s alone when that is asked for", async (name) => {
    assert.deepStrictEqual(await namesOf(name, "--help"), [name])
  })

  it("are all there for a script for completions", async () => {
    assert.deepStrictEqual(await namesOf("nodes", "--completions", "bash"), all)
  })
})
