/** What a console removes at its start of what killed commands have left. Uses the real disk. */
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
import { prefixOf } from "../../core/files/FileOwner.ts"
import * as NodeSecureFiles from "../../runtime/NodeSecureFiles.ts"
import { temporaryFolder } from "../support/TemporaryFolder.ts"

/** The folder of the session, for the scope. */
const session = Effect.gen(function* () {
  const folder = yield* temporaryFolder
  const before = { unit: process.env["RUNTIME_DIRECTORY"], session: process.env["XDG_RUNTIME_DIR"] }
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      process.env["RUNTIME_DIRECTORY"] = ""
      process.env["XDG_RUNTIME_DIR"] = folder
    }),
    () =>
      Effect.sync(() => {
        process.env["RUNTIME_DIRECTORY"] = before.unit ?? ""
        process.env["XDG_RUNTIME_DIR"] = before.session ?? ""
      })
  )
  return join(folder, "muster")
})

const nameOf = (instance: string, life: string) => `${prefixOf(instance, { hidden: false })}-${life}.${"0".repeat(32)}`

describe("the temporary files of commands", () => {
  it.live("go at the start of a console when their command is gone", () =>
    Effect.gen(function* () {
      const folder = yield* session
      yield* NodeSecureFiles.sweep
      assert.isFalse(existsSync(folder), "made for nothing")
      mkdirSync(folder, { mode: 0o700 })
      // The first process of the machine is another one by now, if it has that number at all.
      const gone = nameOf(NodeSecureFiles.instances.backup, "1_0")
      const kept = [nameOf(NodeSecureFiles.instances.backup, NodeSecureFiles.owner.life), nameOf("another", "1_0")]
      for (const name of [gone, ...kept]) writeFileSync(join(folder, name), "secret")

      chmodSync(folder, 0o755)
      const said: Array<unknown> = []
      const listener = Logger.make(({ message }) => void said.push(message))
      yield* Effect.provide(NodeSecureFiles.sweep, Logger.layer([listener]))
      assert.match(String(said), /others may use it/)
      assert.strictEqual(readdirSync(folder).length, 3)

      chmodSync(folder, 0o700)
      yield* NodeSecureFiles.sweep
      assert.deepStrictEqual(readdirSync(folder).toSorted(), kept.toSorted())
    }).pipe(Effect.scoped)
  )
})
