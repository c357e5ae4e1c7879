/** Faults of the disk: by rules, by its capacity, by limits of the program, and by somebody else. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, FileSystem, Option, Layer, type PlatformError, Scope, Stream } from "effect"
import * as Disk from "../../../sim/fs/Disk.ts"
import * as SimFileSystem from "../../../sim/fs/SimFileSystem.ts"
import type { Verdict } from "../../../sim/Rules.ts"
import type { Strategy } from "../../../sim/Strategy.ts"
import * as Sim from "../../../sim/Sim.ts"
import { describe as describeError } from "../../contract/FileSystemObservation.ts"

type Parts = FileSystem.FileSystem | Scope.Scope | Disk.Disk | Sim.RunContext
type Program = Effect.Effect<void, unknown, Parts>

const encode = (text: string) => new TextEncoder().encode(text)

/** Under every schedule of the runs, the assertions of the program hold. */
const holds = (
  program: Program,
  options: {
    readonly disk?: Partial<Disk.DiskOptions>
    readonly program?: Parameters<typeof SimFileSystem.layer>[0]
  } = {}
) => {
  const whole = Effect.scoped(program).pipe(
    Effect.provide(SimFileSystem.layer(options.program).pipe(Layer.provideMerge(Disk.layer(options.disk))))
  )
  const result = Sim.check(whole, { runs: 50 })
  assert.isUndefined(result.failure?.message)
  return result
}

const errorOf = <A>(effect: Effect.Effect<A, PlatformError.PlatformError>) =>
  Effect.map(Effect.flip(effect), describeError)

const always =
  (operation: Disk.Operation, verdict: Verdict) =>
  (point: Disk.Point): Verdict =>
    point.operation === operation ? verdict : { _tag: "pass" }

const rule = (operation: Disk.Operation, verdict: Verdict) =>
  Effect.flatMap(Disk.Disk, (disk) => disk.rule(always(operation, verdict)))

describe("a rule", () => {
  it("fails an operation with the code it says, and is gone with its scope", () => {
    const { faults } = holds(
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        yield* fs.writeFileString("/a", "x")
        const codes = ["EIO", "ENOSPC", "EACCES", "EMFILE", "ENOENT", "EROFS"]
        for (const code of codes) {
          const failed = Effect.andThen(rule("open", { _tag: "fail", code }), errorOf(fs.readFile("/a")))
          assert.include(yield* Effect.scoped(failed), ` readFile open ${code} /a`)
        }
        assert.equal(yield* fs.readFileString("/a"), "x")
      })
    )
    assert.equal(faults.get("disk EIO"), 50)
  })

  it("is asked of the operation and the absolute path", () => {
    holds(
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const disk = yield* Disk.Disk
        const asked: Array<string> = []
        yield* disk.rule(({ operation, path }) => {
          asked.push(`${operation} ${path}`)
          return { _tag: "pass" }
        })
        yield* fs.writeFileString("../a", "x")
        yield* fs.rename("/a", "b")
        assert.deepEqual(asked, ["open /a", "write /a", "rename /a"])
      }),
      { program: { workingDirectory: "/tmp" } }
    )
  })

  it("delays, refuses, resets", () => {
    holds(
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        yield* rule("stat", { _tag: "delay", ms: 500 })
        yield* rule("makeDirectory", { _tag: "refuse" })
        yield* rule("readLink", { _tag: "reset" })
        const start = yield* Clock.currentTimeMillis
        yield* fs.stat("/tmp")
        assert.equal((yield* Clock.currentTimeMillis) - start, 500)
        assert.equal(yield* errorOf(fs.makeDirectory("/a")), "PermissionDenied makeDirectory mkdir EACCES /a")
        assert.equal(yield* errorOf(fs.readLink("/a")), "Unknown readLink readlink EIO /a")
      })
    )
  })

  it("spoils one bit of what is read or written", () => {
    holds(
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const text = encode("a text of some length")
        const bitsOff = (bytes: Uint8Array) =>
          bytes.reduce((sum, byte, i) => sum + (byte ^ (text[i] ?? 0)).toString(2).replaceAll("0", "").length, 0)
        yield* Effect.scoped(Effect.andThen(rule("write", { _tag: "corrupt" }), fs.writeFile("/written", text)))
        assert.equal(bitsOff(yield* fs.readFile("/written")), 1)
        yield* fs.writeFile("/read", text)
        const spoilt = yield* Effect.scoped(Effect.andThen(rule("read", { _tag: "corrupt" }), fs.readFile("/read")))
        assert.equal(bitsOff(spoilt), 1)
        assert.equal(bitsOff(yield* fs.readFile("/read")), 0)
        yield* rule("rename", { _tag: "corrupt" })
        assert.equal(yield* errorOf(fs.rename("/read", "/x")), "Unknown rename rename EIO /read")
      })
    )
  })

  it("makes a sync lie: it says yes, and a loss of power takes the bytes", () => {
    const program = Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const disk = yield* Disk.Disk
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* rule("sync", { _tag: "drop" })
          const file = yield* fs.open("/f", { flag: "w" })
          yield* file.writeAll(encode("safe?"))
          yield* file.sync
        })
      )
      yield* disk.crash
      if (!(yield* fs.exists("/f"))) yield* Sim.sometimes("lost")
    })
    assert.isAbove(holds(program).sometimes.get("lost") ?? 0, 5)
  })

  it("makes an operation hang until it is interrupted", () => {
    holds(
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        yield* rule("stat", { _tag: "drop" })
        assert.isTrue(Option.isNone(yield* Effect.timeoutOption(fs.stat("/tmp"), "1 minute")))
      })
    )
  })

  it("fails a sync with EIO, after which the next one says yes and saves nothing", () => {
    const program = Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const disk = yield* Disk.Disk
      const file = yield* fs.open("/f", { flag: "w" })
      yield* file.sync
      yield* file.writeAll(encode("gone"))
      const failing = Effect.andThen(rule("sync", { _tag: "fail", code: "EIO" }), errorOf(file.sync))
      assert.equal(yield* Effect.scoped(failing), "Unknown sync fsync EIO fd")
      yield* file.sync
      assert.equal(yield* fs.readFileString("/f"), "gone")
      yield* disk.crash
      assert.equal(yield* fs.readFileString("/f"), "")
    })
    holds(program)
  })
})

describe("a full disk", () => {
  it("takes what fits, then fails with ENOSPC, and has room again after a removal", () => {
    holds(
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const disk = yield* Disk.Disk
        yield* fs.writeFileString("/a", "123456")
        const file = yield* fs.open("/b", { flag: "w" })
        assert.equal(yield* file.write(encode("123456")), 4)
        assert.equal(yield* errorOf(file.write(encode("56"))), "Unknown write write ENOSPC fd")
        assert.equal(yield* errorOf(file.writeAll(encode("56"))), "Unknown writeAll write ENOSPC fd")
        assert.equal(yield* errorOf(fs.writeFileString("/c", "x")), "Unknown writeFile write ENOSPC /c")
        assert.equal(yield* fs.readFileString("/c"), "")
        assert.equal(yield* errorOf(fs.truncate("/b", 100)), "Unknown truncate ftruncate ENOSPC /b")
        assert.equal(yield* errorOf(fs.copyFile("/a", "/d")), "Unknown copyFile copyfile ENOSPC /a")
        assert.isFalse(yield* fs.exists("/d"))
        assert.equal(yield* fs.readFileString("/b"), "1234")
        yield* fs.remove("/a")
        yield* file.writeAll(encode("56"))
        assert.equal(yield* fs.readFileString("/b"), "123456")
        yield* disk.setCapacity(3)
        assert.equal(yield* errorOf(file.write(encode("7"))), "Unknown write write ENOSPC fd")
        assert.equal(yield* disk.usedBytes, 6)
      }),
      { disk: { capacityBytes: 10 } }
    )
  })

  it("still lets a file be overwritten in place", () => {
    holds(
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        yield* fs.writeFileString("/a", "1234")
        yield* fs.writeFileString("/a", "abcd", { flag: "r+" })
        assert.equal(yield* fs.readFileString("/a"), "abcd")
      }),
      { disk: { capacityBytes: 4 } }
    )
  })
})

describe("a program", () => {
  it("opens so many files at a time and no more", () => {
    holds(
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        yield* fs.writeFileString("/a", "x")
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* fs.open("/a")
            yield* fs.open("/a")
            assert.equal(yield* errorOf(Effect.scoped(fs.open("/a"))), "Unknown open open EMFILE /a")
            assert.equal(yield* errorOf(fs.readFile("/a")), "Unknown readFile open EMFILE /a")
            assert.equal(yield* errorOf(fs.readDirectory("/")), "Unknown readDirectory scandir EMFILE /")
            assert.equal((yield* fs.stat("/a")).type, "File")
          })
        )
        assert.equal(yield* fs.readFileString("/a"), "x")
      }),
      { program: { openFilesMax: 2 } }
    )
  })

  it("that is the superuser may all, and another may not touch its files", () => {
    const asRoot = SimFileSystem.layer({ uid: 0, gid: 0 })
    holds(
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const secret = Effect.gen(function* () {
          const root = yield* FileSystem.FileSystem
          yield* root.writeFileString("/secret", "x", { mode: 0o600 })
          yield* root.writeFileString("/tmp/its", "x")
          yield* root.chmod("/secret", 0)
          return yield* root.readFileString("/secret")
        })
        assert.equal(yield* Effect.provide(secret, asRoot), "x")
        assert.equal(yield* errorOf(fs.readFile("/secret")), "PermissionDenied readFile open EACCES /secret")
        // Anyone may write to /tmp; its sticky bit keeps them from removing what is not theirs.
        assert.equal(yield* errorOf(fs.remove("/tmp/its")), "PermissionDenied remove unlink EPERM /tmp/its")
        const other = FileSystem.FileSystem.use((theirs) => errorOf(theirs.writeFileString("/mine", "x")))
        const denied = yield* Effect.provide(other, SimFileSystem.layer({ uid: 1001, gid: 1001 }))
        assert.equal(denied, "PermissionDenied writeFile open EACCES /mine")
        assert.equal(
          yield* errorOf(fs.access("/secret", { readable: true })),
          "PermissionDenied access access EACCES /secret"
        )
        yield* fs.access("/secret")
      })
    )
  })

  it("finds a file gone that somebody else removed", () => {
    const { faults } = holds(
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const disk = yield* Disk.Disk
        yield* fs.makeDirectory("/d/e", { recursive: true })
        yield* fs.writeFileString("/d/e/f", "x")
        const file = yield* fs.open("/d/e/f")
        yield* disk.vanish("/d")
        yield* disk.vanish("/nothing")
        assert.equal(yield* errorOf(fs.readFile("/d/e/f")), "NotFound readFile open ENOENT /d/e/f")
        assert.isTrue(Option.isSome(yield* file.readAlloc(1)))
      })
    )
    assert.equal(faults.get("disk vanish"), 100)
  })

  it("may be interrupted in the middle: no file stays open, and a rename is done or not", () => {
    const program = Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const disk = yield* Disk.Disk
      yield* fs.writeFileString("/a", "x")
      const busy = yield* Effect.forkChild(
        Effect.andThen(fs.writeFileString("/b", "y".repeat(2_000_000)), fs.rename("/a", "/c"))
      )
      for (let n = yield* Sim.choose("workload", 12); n > 0; n--) yield* Effect.yieldNow
      yield* Fiber.interrupt(busy)
      assert.equal(yield* disk.openFiles, 0)
      const names = (yield* fs.readDirectory("/")).join(" ")
      assert.include(["a tmp", "a b tmp", "b c tmp"], names)
      yield* Sim.sometimes(names)
    })
    assert.equal(holds(program).sometimes.size, 3)
  })

  it("lets others run while it waits for the disk, though nobody preempts it", () => {
    const order: Array<string> = []
    const program = Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      yield* Effect.forkChild(Effect.sync(() => order.push("other")))
      yield* fs.stat("/tmp")
      order.push("stat")
    })
    const never: Strategy = { name: "never", begin: () => () => 0 }
    const whole = Effect.provide(program, SimFileSystem.layer().pipe(Layer.provideMerge(Disk.layer())))
    assert.equal(Sim.run(whole, { strategy: never }).outcome, "done")
    assert.deepEqual(order, ["other", "stat"])
  })

  it("leaves a leak when it does not close a file or remove a temporary directory", () => {
    const program = Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      yield* Scope.provide(fs.open("/tmp"), yield* Scope.make())
      yield* fs.remove(yield* fs.makeTempDirectory(), { recursive: true })
      return yield* fs.makeTempDirectory({ prefix: "left-" })
    })
    const whole = Effect.provide(program, SimFileSystem.layer().pipe(Layer.provideMerge(Disk.layer())))
    const { leaks } = Sim.run(whole, { leaks: "fail" })
    assert.lengthOf(leaks, 2)
    assert.include(leaks.join("\n"), "open file /tmp")
    assert.include(leaks.join("\n"), "temporary directory /tmp/left-")
  })

  it("is seen by others halfway through writing a whole file", () => {
    const program = Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      yield* fs.writeFileString("/a", "old")
      const writing = yield* Effect.forkChild(fs.writeFileString("/a", "new"))
      yield* Sim.sometimes(yield* fs.readFileString("/a"))
      yield* Fiber.join(writing)
    })
    assert.deepEqual([...holds(program).sometimes.keys()].toSorted(), ["", "new", "old"])
  })

  it("gets other temporary names in every run, the same in a run that is repeated", () => {
    const name = Effect.scoped(FileSystem.FileSystem.use((fs) => fs.makeTempFileScoped({ prefix: "x" }))).pipe(
      Effect.provide(SimFileSystem.layer().pipe(Layer.provideMerge(Disk.layer())))
    )
    const names = [1, 2, 1].map((seed) => {
      const { exit } = Sim.run(name, { seed })
      return exit?._tag === "Success" ? exit.value : assert.fail("no name")
    })
    assert.equal(names[0], names[2])
    assert.notEqual(names[0], names[1])
  })

  it("hears of changes below a directory that it watches recursively, by their paths", () => {
    holds(
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        yield* fs.makeDirectory("/d/e", { recursive: true })
        const heard: Array<string> = []
        const watching = yield* Effect.forkChild(
          Stream.runForEach(fs.watch("/d", { recursive: true }), ({ _tag, path }) =>
            Effect.sync(() => heard.push(`${_tag} ${path}`))
          )
        )
        yield* Effect.sleep(1)
        yield* fs.writeFileString("/d/e/f", "x")
        yield* fs.rename("/d/e/f", "/d/g")
        yield* fs.writeFileString("/other", "x")
        yield* Effect.sleep(1)
        yield* Fiber.interrupt(watching)
        assert.deepEqual(heard, ["Create e/f", "Update e/f", "Create g", "Remove e/f"])
      })
    )
  })
})
