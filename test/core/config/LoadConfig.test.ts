import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Fiber, FileSystem, Path } from "effect"
import { TestClock } from "effect/testing"
import { loadConfig, loadLimits } from "../../../core/config/LoadConfig.ts"

/** Writes the bytes to a file of its own and loads that. */
const load = Effect.fnUntraced(function* (bytes: Uint8Array, environment: Readonly<Record<string, string>> = {}) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const file = path.join(yield* fs.makeTempDirectoryScoped(), "muster.toml")
  yield* fs.writeFile(file, bytes)
  const result = yield* Effect.result(loadConfig({ file, environment }))
  return { file, result }
})

const utf8 = (text: string) => new TextEncoder().encode(text)

const messageOf = (loaded: Effect.Success<ReturnType<typeof load>>) =>
  loaded.result._tag === "Failure" ? loaded.result.failure.message : "accepted"

layer(NodeServices.layer)("a file on disk", (it) => {
  it.effect("is decoded, variables and overrides included", () =>
    Effect.gen(function* () {
      const text = '[server]\nhost = "${HOST}" # ü\n'
      const { result } = yield* load(utf8(text), { HOST: "::1", MUSTER_SERVER_PORT: "9000" })
      assert.deepInclude(result._tag === "Success" ? result.success.server : {}, { host: "::1", port: 9000 })
    })
  )

  it.effect("is named in each problem", () =>
    Effect.gen(function* () {
      const loaded = yield* load(utf8('[server]\nport = "x"\n'))
      const expected = `${loaded.file}:2:8 server.port: got "x", expected an integer from 0 to 65535`
      assert.strictEqual(messageOf(loaded), expected)
    })
  )

  it.effect("is refused when it is no UTF-8", () =>
    Effect.gen(function* () {
      const loaded = yield* load(new Uint8Array([0x61, 0x3d, 0xff]))
      assert.strictEqual(messageOf(loaded), `${loaded.file}: cannot be read: not UTF-8 text`)
    })
  )

  it.effect("is refused when it is empty, and not when it says nothing", () =>
    Effect.gen(function* () {
      const loaded = yield* load(utf8(""))
      assert.strictEqual(messageOf(loaded), `${loaded.file}: cannot be read: it is empty`)
      assert.strictEqual(messageOf(yield* load(utf8("# defaults\n"))), "accepted")
    })
  )

  it.effect("is refused when it is too large", () =>
    Effect.gen(function* () {
      const comment = utf8(`#${" ".repeat(loadLimits.fileBytesMax - 1)}`)
      assert.strictEqual(messageOf(yield* load(comment)), "accepted")
      const loaded = yield* load(utf8(`#${" ".repeat(loadLimits.fileBytesMax)}`))
      assert.strictEqual(messageOf(loaded), `${loaded.file}: cannot be read: larger than 1048576 bytes`)
    })
  )

  it.effect("is a problem without a line when it is not there", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(loadConfig({ file: "/nowhere/muster.toml", environment: {} }))
      assert.deepStrictEqual(error.problems, [
        { reason: "Unreadable", file: "/nowhere/muster.toml", field: "", message: "cannot be read: no such file" }
      ])
      assert.strictEqual(error.message, "/nowhere/muster.toml: cannot be read: no such file")
    })
  )

  it.effect("is a problem when it is a directory", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped()
      const error = yield* Effect.flip(loadConfig({ file: directory, environment: {} }))
      assert.strictEqual(error.message, `${directory}: cannot be read: not a regular file`)
    })
  )
})

describe("a device", () => {
  it.effect("is refused before it is read", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(loadConfig({ file: "/dev/zero", environment: {} }))
      assert.strictEqual(error.message, "/dev/zero: cannot be read: not a regular file")
    }).pipe(Effect.provide(NodeServices.layer))
  )
})

describe("a file system that does not answer", () => {
  it.effect("is given up after the time allowed", () =>
    Effect.gen(function* () {
      const fs = FileSystem.layerNoop({ stat: () => Effect.never })
      const loading = loadConfig({ file: "muster.toml", environment: {} }).pipe(Effect.flip, Effect.provide(fs))
      const fiber = yield* Effect.forkChild(loading)
      yield* TestClock.adjust(loadLimits.readTimeoutMs)
      assert.strictEqual(
        (yield* Fiber.join(fiber)).message,
        "muster.toml: cannot be read: no end of it within 10000 ms"
      )
    })
  )
})
