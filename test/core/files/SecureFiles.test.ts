/**
 * Files with secrets: the same checks on a real disk and on the simulated one, and there with a crash at every step.
 */
import * as NodeCrypto from "@effect/platform-node/NodeCrypto"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Effect, Exit, Fiber, FileSystem, Layer, Path, Scope } from "effect"
import type { SecureRandom } from "effect/crypto"
import type { FileOwner } from "../../../core/files/FileOwner.ts"
import type { SecureFileError } from "../../../core/files/SecureFileError.ts"
import * as SecureFiles from "../../../core/files/SecureFiles.ts"
import * as Disk from "../../../sim/fs/Disk.ts"
import * as SimFileSystem from "../../../sim/fs/SimFileSystem.ts"
import * as Host from "../../../sim/Host.ts"
import * as Sim from "../../../sim/Sim.ts"
import * as SimCrypto from "../../../sim/SimCrypto.ts"

type Ports = FileSystem.FileSystem | Path.Path | SecureRandom.SecureRandom
type Body<R = never> = Effect.Effect<void, unknown, Ports | Scope.Scope | R>

const bytes = (text: string) => new TextEncoder().encode(text)

const expect = (isTrue: boolean, message: string) => (isTrue ? Effect.void : Effect.die(message))

const expectEqual = (actual: unknown, expected: unknown, what: string) =>
  expect(
    JSON.stringify(actual) === JSON.stringify(expected),
    `${what}: ${JSON.stringify(actual)}, expected ${JSON.stringify(expected)}`
  )

/** One life of a console; those of the names in `dead` are over. */
const owner = (life: string, dead: ReadonlyArray<string> = []): FileOwner => ({
  life,
  isAlive: (other) => Effect.succeed(!dead.includes(other)),
  uid: undefined
})

const consoleIn = (folder: string, owned: FileOwner, instance = "a console") =>
  Effect.map(Layer.build(SecureFiles.layer({ folder: `${folder}/private`, instance, owner: owned })), (context) =>
    Context.get(context, SecureFiles.SecureFiles)
  )

const folderOf = Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped())

const names = (folder: string) =>
  Effect.flatMap(FileSystem.FileSystem, (fs) => Effect.map(fs.readDirectory(folder), (all) => all.toSorted()))

const reasonOf = <A, R>(effect: Effect.Effect<A, SecureFileError, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason)

const modeOf = (path: string) =>
  Effect.flatMap(FileSystem.FileSystem, (fs) => Effect.map(fs.lstat(path), ({ mode }) => mode & 0o777))

const lasting = { mode: 0o600, overwrite: true } as const

/** What holds on any disk. */
const checks: Readonly<Record<string, Body>> = {
  "is private, whole, and gone with its scope however that ends": Effect.gen(function* () {
    const folder = yield* folderOf
    const fs = yield* FileSystem.FileSystem
    const files = yield* consoleIn(folder, owner("1"))
    for (const end of [Exit.void, Exit.fail("failed"), Exit.failCause(Cause.interrupt(1)), Exit.die("bug")]) {
      const scope = yield* Scope.make()
      const path = yield* Scope.provide(files.temporary(bytes("a key")), scope)
      yield* expectEqual(yield* modeOf(path), 0o600, "mode of the file")
      yield* expectEqual(yield* modeOf(`${folder}/private`), 0o700, "mode of the folder")
      yield* expectEqual(yield* fs.readFileString(path), "a key", "content")
      yield* Scope.close(scope, end)
      yield* expectEqual(yield* names(`${folder}/private`), [], `left after ${end._tag}`)
    }
  }),

  "has another name each time": Effect.gen(function* () {
    const folder = yield* folderOf
    const files = yield* consoleIn(folder, owner("1"))
    const paths = yield* Effect.forEach(Array.from({ length: 20 }), () => files.temporary(bytes("")), {
      concurrency: "unbounded"
    })
    yield* expectEqual(new Set(paths).size, 20, "names")
  }),

  "is refused in a folder that others may use, or that is none": Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const made: ReadonlyArray<(path: string, elsewhere: string) => Effect.Effect<void, unknown>> = [
      (path) => Effect.andThen(fs.makeDirectory(path), fs.chmod(path, 0o750)),
      (path) => fs.writeFileString(path, ""),
      (path, elsewhere) => fs.symlink(elsewhere, path)
    ]
    for (const make of made) {
      const folder = yield* folderOf
      yield* fs.makeDirectory(`${folder}/elsewhere`, { mode: 0o700 })
      yield* make(`${folder}/private`, `${folder}/elsewhere`)
      yield* expectEqual(yield* reasonOf(consoleIn(folder, owner("1"))), "NotPrivate", "reason")
    }
    const folder = yield* folderOf
    const stranger = { ...owner("1"), uid: 4_294_967 }
    yield* expectEqual(yield* reasonOf(consoleIn(folder, stranger)), "NotPrivate", "of another user")
  }),

  "is swept when its owner is gone, and only then": Effect.gen(function* () {
    const folder = yield* folderOf
    const fs = yield* FileSystem.FileSystem
    yield* (yield* consoleIn(folder, owner("1"))).temporary(bytes("left"))
    yield* (yield* consoleIn(folder, owner("2"))).temporary(bytes("in use"))
    yield* (yield* consoleIn(folder, owner("1"), "another console")).temporary(bytes("not ours"))
    yield* fs.writeFileString(`${folder}/private/notes`, "of its user")
    yield* fs.writeFileString(`${folder}/victim`, "stays")
    const [first = ""] = yield* names(`${folder}/private`)
    const stale = `${first.slice(0, first.indexOf("-"))}-1.${"0".repeat(32)}`
    const left = yield* names(`${folder}/private`)
    yield* fs.symlink(`${folder}/victim`, `${folder}/private/${stale}`)
    yield* consoleIn(folder, owner("3", ["1"]))
    const texts = yield* Effect.forEach(yield* names(`${folder}/private`), (name) =>
      fs.readFileString(`${folder}/private/${name}`)
    )
    // One of the two consoles is the one that the link was named for: that one is swept of it.
    yield* expectEqual(texts.includes("in use") && texts.includes("not ours"), true, "kept")
    yield* expectEqual(texts.includes("left"), false, "swept")
    yield* expectEqual(left.length - 1 <= texts.length, true, "nothing else is swept")
    yield* expectEqual(yield* fs.readFileString(`${folder}/victim`), "stays", "what a link leads to")
  }),

  "takes the place of a file whole, with the mode it was given": Effect.gen(function* () {
    const folder = yield* folderOf
    const fs = yield* FileSystem.FileSystem
    const files = yield* consoleIn(folder, owner("1"))
    const path = `${folder}/config.json`
    yield* files.write(path, bytes("old"), lasting)
    yield* expectEqual(yield* modeOf(path), 0o600, "mode")
    yield* files.write(path, bytes("new"), { mode: 0o640, overwrite: true })
    yield* expectEqual([yield* fs.readFileString(path), yield* modeOf(path)], ["new", 0o640], "file")
    yield* expectEqual(yield* names(folder), ["config.json", "private"], "left over")
  }),

  "never replaces what was not to be replaced, also when that comes late": Effect.gen(function* () {
    const folder = yield* folderOf
    const fs = yield* FileSystem.FileSystem
    const files = yield* consoleIn(folder, owner("1"))
    const path = `${folder}/backup`
    const keep = { mode: 0o600, overwrite: false } as const
    const late = files.fill(path, keep, () => Effect.orDie(fs.writeFileString(path, "came late")))
    yield* expectEqual(yield* reasonOf(late), "Exists", "reason")
    yield* expectEqual(yield* fs.readFileString(path), "came late", "content")
    yield* expectEqual(yield* reasonOf(files.write(path, bytes("x"), keep)), "Exists", "reason")
    yield* fs.symlink("/nowhere/at/all", `${folder}/link`)
    yield* expectEqual(yield* reasonOf(files.write(`${folder}/link`, bytes("x"), keep)), "Exists", "of a link")
    yield* expectEqual(yield* names(folder), ["backup", "link", "private"], "left over")
  }),

  "replaces a link and not what it leads to": Effect.gen(function* () {
    const folder = yield* folderOf
    const fs = yield* FileSystem.FileSystem
    const files = yield* consoleIn(folder, owner("1"))
    yield* fs.writeFileString(`${folder}/victim`, "stays")
    yield* fs.symlink(`${folder}/victim`, `${folder}/link`)
    yield* files.write(`${folder}/link`, bytes("new"), lasting)
    yield* expectEqual(yield* fs.readFileString(`${folder}/victim`), "stays", "victim")
    yield* expectEqual((yield* fs.lstat(`${folder}/link`)).type, "File", "type")
  }),

  "leaves the old file when what fills it fails": Effect.gen(function* () {
    const folder = yield* folderOf
    const fs = yield* FileSystem.FileSystem
    const files = yield* consoleIn(folder, owner("1"))
    yield* files.write(`${folder}/f`, bytes("old"), lasting)
    const half = (end: Effect.Effect<never, string>) => (path: string) =>
      Effect.andThen(Effect.orDie(fs.writeFileString(path, "half")), end)
    for (const end of [Effect.fail("failed"), Effect.die("bug"), Effect.interrupt]) {
      yield* Effect.exit(files.fill(`${folder}/f`, lasting, half(end)))
      yield* expectEqual(yield* fs.readFileString(`${folder}/f`), "old", "content")
      yield* expectEqual(yield* names(folder), ["f", "private"], "left over")
    }
    const nowhere = files.write(`${folder}/no/folder/f`, bytes("x"), lasting)
    yield* expectEqual(yield* reasonOf(nowhere), "Failed", "reason")
  })
}

const simulated = (disk: Disk.Disk["Service"]) =>
  Layer.mergeAll(SimFileSystem.layer(), SimCrypto.layerSecureRandom, Path.layer).pipe(
    Layer.provide(Layer.succeed(Disk.Disk, disk))
  )

const onSimulatedDisk = (body: Body<Sim.RunContext>) =>
  Effect.flatMap(Disk.make(), (disk) => Effect.scoped(body).pipe(Effect.provide(simulated(disk))))

const assertHolds = (program: Effect.Effect<void, unknown, Sim.RunContext>, runs: number) =>
  assert.isUndefined(Sim.check(program, { runs }).failure?.message)

describe("a secure file on a real disk", () => {
  for (const [name, body] of Object.entries(checks)) {
    it.live(name, () => body.pipe(Effect.provide([NodeServices.layer, NodeCrypto.layer]), Effect.orDie))
  }
})

describe("a secure file on the simulated disk", () => {
  for (const [name, body] of Object.entries(checks)) {
    it(`${name}, in 30 runs`, () => assertHolds(onSimulatedDisk(body), 30))
  }
})

/** Crashes the host somewhere in the work, cuts the power or kills the process alone, and looks at what is left. */
const crashed = (
  work: (files: SecureFiles.SecureFiles["Service"]) => Effect.Effect<void, unknown, Ports | Scope.Scope>,
  look: Effect.Effect<void, unknown, Ports | Scope.Scope | Sim.RunContext>
) =>
  Effect.gen(function* () {
    const disk = yield* Disk.make()
    const host = yield* Host.make("console")
    const on = <A, E>(effect: Effect.Effect<A, E, Ports | Scope.Scope | Sim.RunContext>) =>
      host.run(Effect.scoped(effect).pipe(Effect.provide(simulated(disk))))
    yield* on(
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        yield* fs.makeDirectory("/data")
        yield* (yield* consoleIn("/data", owner("0"))).write("/data/f", bytes("old"), lasting)
      })
    )
    const working = yield* Effect.forkChild(
      on(Effect.flatMap(consoleIn("/data", owner("1")), (files) => Effect.scoped(work(files))))
    )
    yield* Effect.repeat(Effect.yieldNow, { times: yield* Sim.choose("faults", 60) })
    const isDone = working.pollUnsafe() !== undefined
    yield* host.crash
    const isPowerCut = (yield* Sim.choose("faults", 2)) === 1
    yield* isPowerCut ? disk.crash : disk.kill
    yield* Sim.sometimes(isDone ? "crashed after the work" : "crashed within the work")
    yield* on(
      Effect.gen(function* () {
        yield* look
        const files = yield* consoleIn("/data", owner("2", ["0", "1"]))
        yield* files.write("/data/other", bytes("next"), lasting)
        yield* expectEqual(yield* names("/data"), ["f", "other", "private"], "stale after the next write")
        yield* expectEqual(yield* names("/data/private"), [], "stale after the start")
      })
    )
  })

const readBack = Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFileString("/data/f"))

describe("a console that crashes at any step", () => {
  it("leaves the old file or the new one, and no temporary one after its next start", () => {
    const program = crashed(
      (files) =>
        Effect.flatMap(FileSystem.FileSystem, (fs) =>
          files.fill("/data/f", lasting, (path) => fs.writeFileString(path, "new content"))
        ),
      Effect.flatMap(readBack, (text) => expect(text === "old" || text === "new content", `${text} is left`))
    )
    const { failure, sometimes } = Sim.check(program, { runs: 500 })
    assert.isUndefined(failure?.message)
    assert.hasAllKeys(Object.fromEntries(sometimes), ["crashed after the work", "crashed within the work"])
  })

  it("has the new file for sure once it was told so", () => {
    const program = Effect.suspend(() => {
      let isTold = false
      const tell = Effect.sync(() => void (isTold = true))
      return crashed(
        (files) => Effect.andThen(files.write("/data/f", bytes("new"), lasting), tell),
        Effect.flatMap(readBack, (text) => expect(!isTold || text === "new", `${text} is left of what was told`))
      )
    })
    assertHolds(program, 500)
  })

  it("has a temporary file whole on the disk when its path is known, and sweeps it", () => {
    const program = Effect.suspend(() => {
      let known: string | undefined
      return crashed(
        (files) =>
          Effect.flatMap(files.temporary(bytes("a whole key")), (path) =>
            Effect.andThen(
              Effect.sync(() => void (known = path)),
              Effect.never
            )
          ),
        Effect.gen(function* () {
          const fs = yield* FileSystem.FileSystem
          if (known === undefined || !(yield* fs.exists(known))) return
          yield* Sim.sometimes("a temporary file was left")
          yield* expectEqual(yield* fs.readFileString(known), "a whole key", "what was left")
        })
      )
    })
    const { failure, sometimes } = Sim.check(program, { runs: 300 })
    assert.isUndefined(failure?.message)
    assert.isAbove(sometimes.get("a temporary file was left") ?? 0, 0)
  })

  it("leaves nothing behind when it is interrupted instead, at any step", () => {
    const program = onSimulatedDisk(
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        yield* fs.makeDirectory("/data")
        const files = yield* consoleIn("/data", owner("1"))
        const working = yield* Effect.forkChild(
          Effect.scoped(
            Effect.all([files.temporary(bytes("a key")), files.write("/data/f", bytes("new"), lasting)], {
              concurrency: "unbounded"
            })
          )
        )
        yield* Effect.repeat(Effect.yieldNow, { times: yield* Sim.choose("faults", 60) })
        yield* Fiber.interrupt(working)
        yield* expectEqual(yield* names("/data/private"), [], "temporary")
        yield* expect(!(yield* names("/data")).some((name) => name.startsWith(".muster")), "beside the target")
      })
    )
    assertHolds(program, 300)
  })

  it("fails clearly when the disk is full or broken, and leaves nothing", () => {
    const program = Effect.gen(function* () {
      const disk = yield* Disk.make()
      const body = Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        yield* fs.makeDirectory("/data")
        const files = yield* consoleIn("/data", owner("1"))
        yield* files.write("/data/f", bytes("old"), lasting)
        const operations = ["write", "sync", "rename"] as const
        const broken = operations[yield* Sim.choose("faults", operations.length)]
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* disk.rule(({ operation }) =>
              operation === broken ? { _tag: "fail", code: "EIO" } : { _tag: "pass" }
            )
            yield* expectEqual(yield* reasonOf(files.write("/data/f", bytes("new"), lasting)), "Failed", "reason")
          })
        )
        // A rename whose folder could not be synced has been done all the same.
        const text = yield* fs.readFileString("/data/f")
        yield* expect(text === "old", `${text} after a failed ${broken}`)
        yield* disk.setCapacity(yield* disk.usedBytes)
        yield* expectEqual(yield* reasonOf(Effect.scoped(files.temporary(bytes("x")))), "Failed", "a full disk")
        yield* expectEqual(yield* names("/data"), ["f", "private"], "left over")
        yield* expectEqual(yield* names("/data/private"), [], "left over")
      })
      yield* Effect.scoped(body).pipe(Effect.provide(simulated(disk)))
    })
    assertHolds(program, 60)
  })
})
