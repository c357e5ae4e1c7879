/** What a loss of power leaves: everything that was synced, and of the rest anything that a real disk could leave. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, FileSystem, Layer, type PlatformError, type Scope } from "effect"
import * as Disk from "../../../sim/fs/Disk.ts"
import * as Host from "../../../sim/Host.ts"
import * as SimFileSystem from "../../../sim/fs/SimFileSystem.ts"
import * as Sim from "../../../sim/Sim.ts"

const runs = 300

type Parts = FileSystem.FileSystem | Scope.Scope | Disk.Disk | Sim.RunContext
type Program = Effect.Effect<void, PlatformError.PlatformError, FileSystem.FileSystem | Scope.Scope>

const encode = (text: string) => new TextEncoder().encode(text)
const oldText = "old ".repeat(50)
const newText = "new content ".repeat(50)

/** The program runs on a host; the disk is made outside of it. */
const onDisk = (program: Effect.Effect<unknown, unknown, Parts>, options?: Partial<Disk.DiskOptions>) =>
  Effect.scoped(program).pipe(Effect.provide(SimFileSystem.layer().pipe(Layer.provideMerge(Disk.layer(options)))))

const crash = Effect.flatMap(Disk.Disk, (disk) => disk.crash)

const expect = (condition: boolean, message: string) => (condition ? Effect.void : Effect.die(message))

/** `/f` holds the old text and is safe; then `change`, then a crash; gives what is there. */
const afterCrash = (change: Program) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    yield* write("/f", oldText, true)
    yield* syncOf("/")
    yield* Effect.scoped(change)
    yield* crash
    return (yield* fs.exists("/f")) ? yield* fs.readFileString("/f") : undefined
  })

const write = (path: string, text: string, sync: boolean): Program =>
  Effect.scoped(
    Effect.gen(function* () {
      const file = yield* (yield* FileSystem.FileSystem).open(path, { flag: "w" })
      yield* file.writeAll(encode(text))
      if (sync) yield* file.sync
    })
  )

const syncOf = (path: string): Program =>
  Effect.scoped(
    Effect.flatMap(FileSystem.FileSystem, (fs) => Effect.flatMap(fs.open(path), (directory) => directory.sync))
  )

const rename = (from: string, to: string): Program => Effect.flatMap(FileSystem.FileSystem, (fs) => fs.rename(from, to))

/** Every text that a crash left, over many runs. */
const outcomes = (change: Program, options?: Partial<Disk.DiskOptions>): ReadonlySet<string | undefined> => {
  const seen = new Set<string | undefined>()
  const program = Effect.map(afterCrash(change), (text) => void seen.add(text))
  assert.isUndefined(Sim.check(onDisk(program, options), { runs }).failure?.message)
  return seen
}

describe("a loss of power", () => {
  it("leaves the old file or the new one whole when a synced one is renamed over it", () => {
    const seen = outcomes(Effect.andThen(write("/f.new", newText, true), rename("/f.new", "/f")))
    assert.deepEqual(seen, new Set([oldText, newText]))
  })

  it("leaves the new file once its directory is synced after the rename", () => {
    const steps = [write("/f.new", newText, true), rename("/f.new", "/f"), syncOf("/")]
    assert.deepEqual(outcomes(Effect.all(steps, { discard: true })), new Set([newText]))
  })

  it("may leave an empty or torn file where the sync before the rename is left out", () => {
    const careless = Effect.andThen(write("/f.new", newText, false), rename("/f.new", "/f"))
    const whole = Effect.flatMap(afterCrash(careless), (text) =>
      expect(text === oldText || text === newText, `${text?.length} characters are left`)
    )
    const { failure } = Sim.check(onDisk(whole), { runs: 50 })
    assert.match(failure?.message ?? "", /characters are left/)
    const seen = outcomes(careless)
    assert.isTrue(seen.has(""), "never empty")
    assert.isTrue(
      [...seen].some((text) => text !== "" && text !== newText && newText.startsWith(text ?? "-")),
      "never torn"
    )
  })

  it("may lose the text and the truncation of a file that is overwritten in place", () => {
    const seen = outcomes(write("/f", newText, false))
    for (const text of [oldText, newText, ""]) assert.isTrue(seen.has(text), `never ${text.length} characters`)
    for (const text of seen) assert.isTrue(text === oldText || newText.startsWith(text ?? "-"), "neither old nor new")
  })

  it("never shows bytes of a file's new blocks without the truncation that gave them", () => {
    for (const text of outcomes(write("/f", "n", false))) assert.include([oldText, "n", ""], text)
  })

  it("may lose any of several writes and keep a later one, with zeros for what is lost", () => {
    const three = Effect.scoped(
      Effect.gen(function* () {
        const file = yield* (yield* FileSystem.FileSystem).open("/f", { flag: "w" })
        yield* file.sync
        for (const text of ["a", "b", "c"]) yield* file.writeAll(encode(text))
      })
    )
    const seen = outcomes(three)
    for (const text of ["abc", "ab", "a", "", "\0b", "a\0c", "\0\0c"])
      assert.isTrue(seen.has(text), JSON.stringify(text))
  })

  it("tears writes where the disk says, and nowhere else", () => {
    const seen = outcomes(
      Effect.scoped(
        Effect.gen(function* () {
          const file = yield* (yield* FileSystem.FileSystem).open("/f", { flag: "w" })
          yield* file.sync
          yield* file.writeAll(encode("0123456789"))
        })
      ),
      { tearBytes: 4 }
    )
    assert.deepEqual(seen, new Set(["", "0123", "01234567", "0123456789"]))
  })

  it("keeps changes of names in their order", () => {
    const program = Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      for (const name of ["a", "b", "c", "d"]) yield* fs.makeDirectory(`/${name}`)
      yield* crash
      const left = (yield* fs.readDirectory("/")).filter((name) => name !== "tmp").join("")
      yield* expect("abcd".startsWith(left), left)
      yield* Sim.sometimes(left)
    })
    const { failure, sometimes } = Sim.check(onDisk(program), { runs })
    assert.isUndefined(failure?.message)
    assert.deepEqual([...sometimes.keys()].toSorted(), ["", "a", "ab", "abc", "abcd"])
  })

  it("keeps all names that came before the sync of any file", () => {
    const program = Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      yield* fs.makeDirectory("/a/b", { recursive: true })
      yield* fs.rename("/a", "/c")
      yield* write("/x", "x", true)
      yield* fs.remove("/x")
      yield* crash
      yield* expect(yield* fs.exists("/c/b"), "the rename is lost")
      yield* expect(!(yield* fs.exists("/a")), "both names are there")
    })
    assert.isUndefined(Sim.check(onDisk(program), { runs }).failure?.message)
  })

  it("closes every file, and the old handles stay closed", () => {
    const program = Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const disk = yield* Disk.Disk
      const file = yield* fs.open("/f", { flag: "w" })
      yield* file.sync
      yield* expect((yield* disk.openFiles) === 1, "not open")
      yield* disk.crash
      yield* expect((yield* disk.openFiles) === 0, "still open")
      const error = yield* Effect.flip(file.write(encode("x")))
      yield* expect(error.message.includes("FileSystem.write"), error.message)
    })
    assert.isUndefined(Sim.check(onDisk(program), { runs: 20 }).failure?.message)
  })

  it("does not lose what a program that is only killed had written", () => {
    const program = Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const disk = yield* Disk.Disk
      yield* write("/f", newText, false)
      const file = yield* fs.open("/f")
      yield* disk.kill
      yield* expect((yield* disk.openFiles) === 0, "still open")
      yield* expect((yield* fs.readFileString("/f")) === newText, "lost")
      yield* Effect.flip(file.readAlloc(1))
    })
    assert.isUndefined(Sim.check(onDisk(program), { runs: 20 }).failure?.message)
  })

  it("frees the space of what was unlinked and still open", () => {
    const program = Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const disk = yield* Disk.Disk
      yield* write("/f", newText, true)
      yield* fs.open("/f")
      yield* fs.remove("/f")
      yield* syncOf("/")
      yield* expect((yield* disk.usedBytes) > 0, "freed too early")
      yield* disk.crash
      yield* expect((yield* disk.usedBytes) === 0, "not freed")
    })
    assert.isUndefined(Sim.check(onDisk(program), { runs: 20 }).failure?.message)
  })

  it("loses nothing in the dullest run, and tells what it lost in the others", () => {
    const program = Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      yield* write("/f", newText, false)
      const losses = yield* crash
      const kept = (yield* fs.exists("/f")) && (yield* fs.readFileString("/f")) === newText
      const said = losses.lostTransactions + losses.lostWrites + losses.tornWrites === 0
      yield* expect(kept === said, JSON.stringify(losses))
    })
    const { failure, faults } = Sim.check(onDisk(program), { runs })
    assert.isUndefined(failure?.message)
    for (const kind of ["disk crash", "disk lost metadata", "disk lost writes", "disk tore writes"]) {
      assert.isAbove(faults.get(kind) ?? 0, 10, kind)
    }
  })

  it("is survived by a log that syncs each entry: no entry that was synced is missing", () => {
    const program = Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const log = yield* fs.open("/log", { flag: "a" })
      let safe = 0
      for (const entry of ["one\n", "two\n", "three\n"]) {
        yield* log.writeAll(encode(entry))
        if ((yield* Sim.choose("workload", 2)) === 1) {
          yield* log.sync
          safe = Number((yield* log.stat).size)
        }
      }
      yield* crash
      const left = (yield* fs.exists("/log")) ? yield* fs.readFileString("/log") : ""
      yield* expect(left.slice(0, safe) === "one\ntwo\nthree\n".slice(0, safe), JSON.stringify([safe, left]))
    })
    assert.isUndefined(Sim.check(onDisk(program), { runs }).failure?.message)
  })

  it("takes nothing back that a program on a crashed host had acknowledged", () => {
    let acknowledged = 0
    const save = (n: number) =>
      Effect.all([write("/f.new", `${n}.`.repeat(100), true), rename("/f.new", "/f"), syncOf("/")], { discard: true })
    const saving = Effect.gen(function* () {
      for (let n = 1; n <= 20; n++) {
        yield* save(n)
        acknowledged = n
      }
    }).pipe(Effect.scoped, Effect.provide(SimFileSystem.layer()))
    const program = Effect.gen(function* () {
      acknowledged = 0
      const disk = yield* Disk.Disk
      const host = yield* Host.make("server")
      yield* host.onCrash(Effect.asVoid(disk.crash))
      const running = yield* Effect.forkChild(Effect.exit(host.run(saving)))
      for (let n = yield* Sim.choose("workload", 400); n > 0; n--) yield* Effect.yieldNow
      yield* host.crash
      yield* Fiber.await(running)
      const fs = yield* FileSystem.FileSystem
      const left = (yield* fs.exists("/f")) ? yield* fs.readFileString("/f") : ""
      const kept = Number(left.split(".")[0])
      yield* expect(left === "" || left === `${kept}.`.repeat(100), `torn: ${left}`)
      yield* expect(kept >= acknowledged && kept <= acknowledged + 1, `${kept} is left of ${acknowledged}`)
      yield* Sim.sometimes(acknowledged === 20 ? "after all" : kept > acknowledged ? "saved, not told" : "halfway")
    })
    const { failure, sometimes } = Sim.check(onDisk(program), { runs, leaks: "fail" })
    assert.isUndefined(failure?.message)
    assert.isAtLeast(sometimes.size, 2)
  })
})
