import { execFileSync } from "node:child_process"
import { existsSync, lstatSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Option, PlatformError } from "effect"
import * as ResultsFile from "../../runtime/ResultsFile.ts"
import { temporaryFolder } from "../support/TemporaryFolder.ts"

const refusal = (file: string) =>
  Effect.map(Effect.flip(ResultsFile.openText(file)), ({ message, status }) => {
    assert.strictEqual(status, 2)
    return message
  })

describe("a file for results", () => {
  it.effect("is written whole, and nothing is left beside it", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const write = yield* ResultsFile.open(Option.some(join(folder, "out.json")))
      assert.deepStrictEqual(readdirSync(folder), [])
      yield* write({ a: 1 })
      assert.strictEqual(readFileSync(join(folder, "out.json"), "utf8"), '{\n  "a": 1\n}\n')
      assert.deepStrictEqual(readdirSync(folder), ["out.json"])
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("takes the place of what was there at once", () =>
    Effect.gen(function* () {
      const file = join(yield* temporaryFolder, "out")
      writeFileSync(file, "before")
      const { ino } = lstatSync(file)
      const write = yield* ResultsFile.openText(file)
      assert.strictEqual(readFileSync(file, "utf8"), "before")
      yield* write("after")
      assert.strictEqual(readFileSync(file, "utf8"), "after")
      assert.notStrictEqual(lstatSync(file).ino, ino)
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("stays a link if it is one", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const [link, target] = [join(folder, "link"), join(folder, "target")]
      writeFileSync(target, "before")
      symlinkSync("target", link)
      yield* Effect.flatMap(ResultsFile.openText(link), (write) => write("after"))
      assert.isTrue(lstatSync(link).isSymbolicLink())
      assert.strictEqual(readFileSync(target, "utf8"), "after")
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("stays a pipe if it is one", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const pipe = join(folder, "pipe")
      execFileSync("mkfifo", [pipe])
      const write = yield* ResultsFile.openText(pipe)
      // Whoever opens a pipe waits for the other end.
      const fs = yield* FileSystem.FileSystem
      const [text] = yield* Effect.all([fs.readFileString(pipe), write("through")], { concurrency: 2 })
      assert.strictEqual(text, "through")
      assert.isTrue(lstatSync(pipe).isFIFO())
      assert.deepStrictEqual(readdirSync(folder), ["pipe"])
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("is written in place where it cannot be replaced", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const file = join(folder, "out")
      writeFileSync(file, "before")
      const real = yield* FileSystem.FileSystem
      const busy = PlatformError.systemError({ _tag: "Busy", module: "FileSystem", method: "rename" })
      const mounted = FileSystem.FileSystem.of({ ...real, rename: () => Effect.fail(busy) })
      const write = yield* Effect.provideService(ResultsFile.openText(file), FileSystem.FileSystem, mounted)
      yield* write("after")
      assert.strictEqual(readFileSync(file, "utf8"), "after")
      assert.deepStrictEqual(readdirSync(folder), ["out"])
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("is refused before the work when it cannot be written", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      assert.strictEqual(yield* refusal(folder), `${folder}: cannot be written: not a regular file`)
      const nowhere = join(folder, "nowhere", "out")
      assert.strictEqual(yield* refusal(nowhere), `${nowhere}: cannot be written: no such folder`)
      writeFileSync(join(folder, "file"), "")
      const inFile = join(folder, "file", "out")
      assert.match(yield* refusal(inFile), /out: cannot be written: \S/)
      const asFolder = yield* Effect.flip(ResultsFile.openFolder(join(folder, "file")))
      assert.match(asFolder.message, /file: cannot be written: \S/)
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("is none without a path", () =>
    Effect.gen(function* () {
      yield* Effect.flatMap(ResultsFile.open(Option.none()), (write) => write({}))
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("has its folder made", () =>
    Effect.gen(function* () {
      const folder = join(yield* temporaryFolder, "a", "b")
      yield* ResultsFile.openFolder(folder)
      yield* ResultsFile.openFolder(folder)
      assert.isTrue(existsSync(folder))
    }).pipe(Effect.provide(NodeServices.layer))
  )
})
