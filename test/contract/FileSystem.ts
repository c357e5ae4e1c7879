/**
 * What Muster relies on in a file system, for the real one and for the simulated one. Every test has a directory of its
 * own, and runs as a plain user on both sides.
 *
 * Deliberate differences of the simulated one, each outside of this suite:
 * - `makeDirectory` gives nothing, where Node gives the first directory that it made; the type promises nothing.
 * - Messages are the simulator's own; tags, methods, system calls, codes and paths are Node's.
 * - Sizes and link counts of directories, inode numbers and the device are each file system's own.
 * - Descriptors are never used again, and reading leaves atime alone.
 * - `watch` tells each change once, Node some of them twice.
 * - Two failures at once (both ends of a `copy`) are told in the order of the arguments, by Node in any order.
 * - A hole in a file takes space on the simulated disk, so that a file cannot be grown beyond its capacity.
 */
import { ByteSize, Effect, FileSystem, Option, type PlatformError, Queue, Ref, type Scope, Stream } from "effect"
import { assert, describe, it } from "vitest"
import { observe } from "./FileSystemObservation.ts"
import type { Side } from "./FileSystemSides.ts"

interface Folder {
  readonly fs: FileSystem.FileSystem
  readonly base: string
  /** A path in the folder. */
  readonly at: (path: string) => string
  /** What an operation shows: see FileSystemObservation. */
  readonly shows: <A>(effect: Effect.Effect<A, PlatformError.PlatformError>) => Effect.Effect<string>
}

type Test = (folder: Folder) => Effect.Effect<void, PlatformError.PlatformError, FileSystem.FileSystem | Scope.Scope>

const encode = (text: string) => new TextEncoder().encode(text)
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

const inFolder = (test: Test) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const base = yield* fs.makeTempDirectoryScoped()
    yield* test({ fs, base, at: (path) => `${base}/${path}`, shows: (effect) => observe(base, effect) })
  })

const assertHolds = (side: Side, test: Test) => side.run(inFolder(test))

export const fileSystemContract = (side: Side): void => {
  const check = (name: string, test: Test) => it(`${side.label} ${name}`, () => assertHolds(side, test))

  describe("whole files", () => {
    check("gives what was written, and replaces it", ({ at, fs }) =>
      Effect.gen(function* () {
        yield* fs.writeFileString(at("a"), "first, and long")
        yield* fs.writeFileString(at("a"), "zweites ü")
        assert.equal(yield* fs.readFileString(at("a")), "zweites ü")
        assert.deepEqual([...(yield* fs.readFile(at("a")))], [...encode("zweites ü")])
      })
    )

    check("appends, creates exclusively and overwrites in place as the flag says", ({ at, fs, shows }) =>
      Effect.gen(function* () {
        yield* fs.writeFileString(at("a"), "one", { flag: "a" })
        yield* fs.writeFileString(at("a"), "two", { flag: "a" })
        assert.equal(yield* fs.readFileString(at("a")), "onetwo")
        yield* fs.writeFileString(at("a"), "X", { flag: "r+" })
        assert.equal(yield* fs.readFileString(at("a")), "Xnetwo")
        assert.equal(
          yield* shows(fs.writeFileString(at("a"), "x", { flag: "wx" })),
          failure("AlreadyExists writeFile open EEXIST a")
        )
        yield* fs.writeFileString(at("b"), "new", { flag: "ax" })
        assert.equal(
          yield* shows(fs.writeFileString(at("c"), "x", { flag: "r+" })),
          failure("NotFound writeFile open ENOENT c")
        )
      })
    )

    check("reads a file of many pieces whole", ({ at, fs }) =>
      Effect.gen(function* () {
        const bytes = Uint8Array.from({ length: 1_300_000 }, (_, i) => i % 251)
        yield* fs.writeFile(at("big"), bytes)
        assert.isTrue(Buffer.from(bytes).equals(yield* fs.readFile(at("big"))))
      })
    )

    check("truncates and extends with zeros", ({ at, fs, shows }) =>
      Effect.gen(function* () {
        yield* fs.writeFileString(at("a"), "hello")
        yield* fs.truncate(at("a"), 2)
        yield* fs.truncate(at("a"), 4)
        assert.deepEqual([...(yield* fs.readFile(at("a")))], [104, 101, 0, 0])
        yield* fs.truncate(at("a"))
        assert.equal((yield* fs.stat(at("a"))).size, ByteSize.bytes(0))
        yield* fs.truncate(at("a"), -3)
        assert.equal(yield* shows(fs.truncate(at("a"), 1.5)), "BadArgument truncate")
        assert.equal(yield* shows(fs.truncate(at("b"), 1)), failure("NotFound truncate open ENOENT b"))
      })
    )

    check("copies a file with its mode, over another", ({ at, fs, shows }) =>
      Effect.gen(function* () {
        yield* fs.writeFileString(at("a"), "content", { mode: 0o640 })
        yield* fs.writeFileString(at("b"), "longer than the content")
        yield* fs.copyFile(at("a"), at("b"))
        assert.equal(yield* fs.readFileString(at("b")), "content")
        assert.equal((yield* fs.stat(at("b"))).mode & 0o777, 0o640)
        assert.equal(yield* shows(fs.copyFile(at("nope"), at("c"))), failure("NotFound copyFile copyfile ENOENT nope"))
        yield* fs.makeDirectory(at("d"))
        assert.equal(yield* shows(fs.copyFile(at("a"), at("d"))), failure("BadResource copyFile copyfile EISDIR a"))
      })
    )
  })

  describe("streams", () => {
    check("streams a part of a file in pieces", ({ at, fs }) =>
      Effect.gen(function* () {
        yield* fs.writeFileString(at("a"), "0123456789")
        const pieces = yield* Stream.runCollect(fs.stream(at("a"), { offset: 2, bytesToRead: 5, chunkSize: 2 }))
        assert.deepEqual(pieces.map(decode), ["23", "45", "6"])
      })
    )

    check("writes what a sink gets", ({ at, fs, shows }) =>
      Effect.gen(function* () {
        yield* Stream.run(Stream.make(encode("ab"), encode("cd")), fs.sink(at("a")))
        yield* Stream.run(Stream.make(encode("ef")), fs.sink(at("a"), { flag: "a" }))
        assert.equal(yield* fs.readFileString(at("a")), "abcdef")
        assert.equal(yield* shows(Stream.runCollect(fs.stream(at("b")))), failure("NotFound open open ENOENT b"))
      })
    )
  })

  describe("an open file", () => {
    check("has a cursor that reading and writing move, and a position does not", ({ at, fs }) =>
      Effect.gen(function* () {
        const file = yield* fs.open(at("a"), { flag: "w+" })
        yield* file.writeAll(encode("0123456789"))
        assert.equal(yield* file.seek(-4n, "current"), 6n)
        const buffer = new Uint8Array(3)
        assert.equal(yield* file.read(buffer), 3)
        assert.equal(decode(buffer), "678")
        assert.equal(Option.map(yield* file.readAlloc(2, { position: 0n }), decode).pipe(Option.getOrThrow), "01")
        assert.equal(Option.map(yield* file.readAlloc(9), decode).pipe(Option.getOrThrow), "9")
        assert.isTrue(Option.isNone(yield* file.readAlloc(9)))
        assert.equal(yield* file.read(buffer), 0)
      })
    )

    check("refuses to seek or read before its start, and stays where it was", ({ at, fs, shows }) =>
      Effect.gen(function* () {
        const file = yield* fs.open(at("a"), { flag: "w+" })
        yield* file.writeAll(encode("abc"))
        assert.equal(yield* shows(file.seek(-4n, "current")), "BadArgument seek")
        assert.equal(yield* shows(file.read(new Uint8Array(1), { position: -1n })), "BadArgument read")
        assert.equal(yield* shows(file.readAlloc(-1)), "BadArgument readAlloc")
        assert.equal(yield* file.seek(0n, "current"), 3n)
      })
    )

    check("fills a gap that a write leaves with zeros", ({ at, fs }) =>
      Effect.gen(function* () {
        const file = yield* fs.open(at("a"), { flag: "w" })
        yield* file.seek(3n, "start")
        assert.equal(yield* file.write(encode("x")), 1)
        assert.deepEqual([...(yield* fs.readFile(at("a")))], [0, 0, 0, 120])
      })
    )

    check("appends wherever its cursor is, and reads from there", ({ at, fs }) =>
      Effect.gen(function* () {
        yield* fs.writeFileString(at("a"), "abc")
        const file = yield* fs.open(at("a"), { flag: "a+" })
        yield* file.writeAll(encode("de"))
        assert.equal(Option.map(yield* file.readAlloc(2), decode).pipe(Option.getOrThrow), "ab")
        yield* file.writeAll(encode("f"))
        assert.equal(yield* fs.readFileString(at("a")), "abcdef")
      })
    )

    check("moves its cursor back to the end when truncated", ({ at, fs }) =>
      Effect.gen(function* () {
        const file = yield* fs.open(at("a"), { flag: "w+" })
        yield* file.writeAll(encode("0123456789"))
        yield* file.truncate(4)
        yield* file.writeAll(encode("x"))
        yield* file.sync
        assert.equal(yield* fs.readFileString(at("a")), "0123x")
        assert.equal((yield* file.stat).size, ByteSize.bytes(5))
      })
    )

    check("does only what it was opened for", ({ at, fs, shows }) =>
      Effect.gen(function* () {
        yield* fs.writeFileString(at("a"), "abc")
        const reader = yield* fs.open(at("a"))
        const writer = yield* fs.open(at("a"), { flag: "r+" })
        const appender = yield* fs.open(at("a"), { flag: "a" })
        assert.equal(yield* shows(reader.write(encode("x"))), "Unknown write write EBADF fd")
        assert.equal(yield* shows(reader.writeAll(encode("x"))), "Unknown writeAll write EBADF fd")
        assert.equal(yield* shows(reader.truncate(1)), "Unknown truncate ftruncate EINVAL fd")
        assert.equal(yield* shows(appender.read(new Uint8Array(1))), "Unknown read read EBADF fd")
        assert.equal(yield* shows(writer.write(encode("x"))), "ok 1")
        yield* fs.makeDirectory(at("d"))
        const directory = yield* fs.open(at("d"))
        assert.equal(yield* shows(directory.readAlloc(1)), "BadResource readAlloc read EISDIR fd")
        yield* directory.sync
      })
    )

    check("goes on after its name is gone or names another file", ({ at, fs }) =>
      Effect.gen(function* () {
        yield* fs.writeFileString(at("a"), "old")
        const file = yield* fs.open(at("a"), { flag: "r+" })
        yield* fs.remove(at("a"))
        assert.isFalse(yield* fs.exists(at("a")))
        yield* fs.writeFileString(at("b"), "new")
        yield* fs.rename(at("b"), at("a"))
        assert.equal(Option.map(yield* file.readAlloc(9), decode).pipe(Option.getOrThrow), "old")
        yield* file.writeAll(encode("er"))
        assert.equal(yield* fs.readFileString(at("a")), "new")
        assert.deepEqual((yield* file.stat).nlink, Option.some(0n))
      })
    )

    check("cannot be used after its scope", ({ at, fs, shows }) =>
      Effect.gen(function* () {
        const file = yield* Effect.scoped(fs.open(at("a"), { flag: "w+" }))
        assert.equal(yield* shows(file.write(encode("x"))), "Unknown write write EBADF fd")
        assert.equal(yield* shows(file.stat), "Unknown stat fstat EBADF fd")
        assert.equal(yield* shows(file.sync), "Unknown sync fsync EBADF fd")
      })
    )

    check("is refused through a link when told not to follow", ({ at, fs, shows }) =>
      Effect.gen(function* () {
        yield* fs.writeFileString(at("a"), "x")
        yield* fs.symlink("a", at("l"))
        assert.equal(
          yield* shows(Effect.scoped(fs.open(at("l"), { noFollow: true }))),
          failure("BadResource open open ELOOP l")
        )
        yield* Effect.scoped(fs.open(at("a"), { noFollow: true }))
      })
    )
  })

  describe("names", () => {
    check("renames over what is there, at once", ({ at, fs, shows }) =>
      Effect.gen(function* () {
        yield* fs.writeFileString(at("a"), "new")
        yield* fs.writeFileString(at("b"), "old")
        yield* fs.rename(at("a"), at("b"))
        assert.equal(yield* fs.readFileString(at("b")), "new")
        assert.deepEqual(yield* fs.readDirectory(at("")), ["b"])
        assert.equal(yield* shows(fs.rename(at("a"), at("c"))), failure("NotFound rename rename ENOENT a"))
      })
    )

    check("never shows a renamed file as missing or in part", ({ at, fs }) =>
      Effect.gen(function* () {
        const contents = ["a".repeat(5_000), "b".repeat(5_000)]
        yield* fs.writeFileString(at("f"), contents[0] ?? "")
        const writing = yield* Ref.make(true)
        const write = Effect.forEach(
          Array.from({ length: 20 }, (_, i) => i),
          (i) => Effect.andThen(fs.writeFileString(at("f.new"), contents[i % 2] ?? ""), fs.rename(at("f.new"), at("f")))
        ).pipe(Effect.andThen(Ref.set(writing, false)))
        const read = Effect.gen(function* () {
          while (yield* Ref.get(writing)) assert.include(contents, yield* fs.readFileString(at("f")))
        })
        yield* Effect.all([write, read], { concurrency: 2 })
      })
    )

    check("keeps directories and files apart when it renames", ({ at, fs, shows }) =>
      Effect.gen(function* () {
        yield* fs.makeDirectory(at("d/sub"), { recursive: true })
        yield* fs.makeDirectory(at("empty"))
        yield* fs.writeFileString(at("f"), "x")
        assert.equal(yield* shows(fs.rename(at("f"), at("d"))), failure("BadResource rename rename EISDIR f"))
        assert.equal(yield* shows(fs.rename(at("d"), at("f"))), failure("BadResource rename rename ENOTDIR d"))
        assert.equal(yield* shows(fs.rename(at("d"), at("d/sub/x"))), failure("Unknown rename rename EINVAL d"))
        assert.equal(yield* shows(fs.rename(at("empty"), at("d"))), failure("Unknown rename rename ENOTEMPTY empty"))
        assert.equal(yield* shows(fs.rename(at("d/."), at("x"))), failure("Busy rename rename EBUSY d/."))
        assert.equal(yield* shows(fs.rename(at("d"), at("empty"))), "ok ")
        assert.deepEqual(yield* fs.readDirectory(at("empty")), ["sub"])
      })
    )

    check("links a file under two names", ({ at, fs, shows }) =>
      Effect.gen(function* () {
        yield* fs.writeFileString(at("a"), "x")
        yield* fs.link(at("a"), at("b"))
        yield* fs.writeFileString(at("b"), "y")
        assert.equal(yield* fs.readFileString(at("a")), "y")
        assert.deepEqual((yield* fs.stat(at("a"))).nlink, Option.some(2n))
        assert.equal(yield* shows(fs.link(at("a"), at("b"))), failure("AlreadyExists link link EEXIST a"))
        yield* fs.rename(at("a"), at("b"))
        assert.equal(yield* fs.readFileString(at("a")), "y", "two names of one file both stay")
        yield* fs.makeDirectory(at("d"))
        assert.equal(yield* shows(fs.link(at("d"), at("e"))), failure("PermissionDenied link link EPERM d"))
      })
    )

    check("follows symbolic links, but not round in circles", ({ at, base, fs, shows }) =>
      Effect.gen(function* () {
        yield* fs.makeDirectory(at("d"))
        yield* fs.writeFileString(at("d/f"), "x")
        yield* fs.symlink("d", at("l"))
        yield* fs.symlink("loop", at("loop"))
        yield* fs.symlink("nowhere", at("dangling"))
        assert.equal(yield* fs.readFileString(at("l/f")), "x")
        assert.equal(yield* fs.readLink(at("l")), "d")
        assert.equal(yield* fs.realPath(at("l/../l/f")), `${yield* fs.realPath(base)}/d/f`)
        assert.equal((yield* fs.lstat(at("l"))).type, "SymbolicLink")
        assert.equal((yield* fs.stat(at("l"))).type, "Directory")
        assert.equal(yield* shows(fs.readFile(at("loop"))), failure("BadResource readFile open ELOOP loop"))
        assert.equal(yield* shows(fs.stat(at("loop/x"))), failure("BadResource stat stat ELOOP loop/x"))
        assert.equal(yield* shows(fs.realPath(at("dangling"))), failure("NotFound realPath stat ENOENT dangling"))
        assert.equal(yield* shows(fs.readLink(at("d"))), failure("Unknown readLink readlink EINVAL d"))
        assert.equal(yield* shows(fs.symlink("x", at("d"))), `AlreadyExists symlink symlink EEXIST x`)
        assert.equal(yield* shows(fs.exists(at("dangling"))), "ok false")
        yield* fs.writeFileString(at("dangling"), "made")
        assert.equal(yield* fs.readFileString(at("nowhere")), "made")
      })
    )

    check("takes odd names, and refuses long ones and null bytes", ({ at, fs, shows }) =>
      Effect.gen(function* () {
        const odd = ["-rf", " ", "a b", "*", "\n", "ü", "日本", "a\\b", "'\"", "..."]
        for (const name of odd) yield* fs.writeFileString(at(name), name)
        assert.deepEqual((yield* fs.readDirectory(at(""))).toSorted(), odd.toSorted())
        for (const name of odd) assert.equal(yield* fs.readFileString(at(name)), name)
        const long = "x".repeat(256)
        assert.equal(yield* shows(fs.stat(at(long))), failure(`Unknown stat stat ENAMETOOLONG ${long}`))
        assert.equal(
          yield* shows(fs.stat(at("ü".repeat(128)))),
          failure(`Unknown stat stat ENAMETOOLONG ${"ü".repeat(128)}`)
        )
        yield* fs.writeFileString(at("x".repeat(255)), "fits")
        const deep = "a/".repeat(2_100)
        assert.equal(yield* shows(fs.stat(at(deep))), failure(`Unknown stat stat ENAMETOOLONG ${deep}`))
        for (const effect of [fs.stat(at("a\0b")), fs.readFile(at("a\0b")), fs.rename(at("a"), at("a\0b"))]) {
          assert.match(yield* shows(effect), /^BadArgument /)
        }
        assert.match(yield* shows(fs.readDirectory(at("a\0b"))), /^Unknown readDirectory - ERR_INVALID_ARG_VALUE /)
        assert.equal(yield* shows(fs.stat("")), "NotFound stat stat ENOENT ")
      })
    )
  })

  describe("directories", () => {
    check("makes one, or all on the way", ({ at, fs, shows }) =>
      Effect.gen(function* () {
        yield* fs.makeDirectory(at("a"))
        assert.equal(yield* shows(fs.makeDirectory(at("a"))), failure("AlreadyExists makeDirectory mkdir EEXIST a"))
        assert.equal(yield* shows(fs.makeDirectory(at("x/y"))), failure("NotFound makeDirectory mkdir ENOENT x/y"))
        yield* fs.makeDirectory(at("x/y/z"), { recursive: true, mode: 0o700 })
        yield* fs.makeDirectory(at("x/y/z"), { recursive: true })
        assert.equal((yield* fs.stat(at("x/y"))).mode & 0o777, 0o700)
        yield* fs.writeFileString(at("f"), "")
        assert.equal(
          yield* shows(fs.makeDirectory(at("f"), { recursive: true })),
          failure("AlreadyExists makeDirectory mkdir EEXIST f")
        )
        assert.equal(
          yield* shows(fs.makeDirectory(at("f/a/b"), { recursive: true })),
          failure("BadResource makeDirectory mkdir ENOTDIR f/a/b")
        )
      })
    )

    check("lists names, types and what is below", ({ at, fs, shows }) =>
      Effect.gen(function* () {
        yield* fs.makeDirectory(at("d/e"), { recursive: true })
        yield* fs.writeFileString(at("d/e/f"), "")
        yield* fs.symlink("d", at("l"))
        assert.deepEqual((yield* fs.readDirectory(at(""))).toSorted(), ["d", "l"])
        assert.deepEqual((yield* fs.readDirectory(at("d"), { recursive: true })).toSorted(), ["e", "e/f"])
        // Through links too.
        assert.include(yield* fs.readDirectory(at(""), { recursive: true }), "l/e/f")
        assert.deepEqual(
          (yield* fs.readDirectoryEntries(at(""))).toSorted((a, b) => a.name.localeCompare(b.name)),
          [
            { name: "d", type: "Directory" },
            { name: "l", type: "SymbolicLink" }
          ]
        )
        assert.equal(yield* shows(fs.readDirectory(at("x"))), failure("NotFound readDirectory scandir ENOENT x"))
        assert.equal(
          yield* shows(fs.readDirectory(at("d/e/f"))),
          failure("BadResource readDirectory scandir ENOTDIR d/e/f")
        )
        assert.deepEqual(yield* fs.glob("**/f", { root: at("") }), ["d/e/f"])
      })
    )

    check("removes a file, and a directory only with all below it", ({ at, fs, shows }) =>
      Effect.gen(function* () {
        yield* fs.makeDirectory(at("d/e"), { recursive: true })
        yield* fs.writeFileString(at("d/e/f"), "")
        yield* fs.writeFileString(at("kept"), "")
        yield* fs.symlink("../kept", at("d/l"))
        assert.equal(yield* shows(fs.remove(at("d"))), failure("Unknown remove rm ERR_FS_EISDIR d"))
        yield* fs.remove(at("d"), { recursive: true })
        assert.deepEqual(yield* fs.readDirectory(at("")), ["kept"])
        assert.equal(yield* shows(fs.remove(at("d"))), failure("NotFound remove lstat ENOENT d"))
        yield* fs.remove(at("d"), { force: true })
        assert.equal(
          yield* shows(fs.remove(at("kept/x"), { force: true })),
          failure("BadResource remove lstat ENOTDIR kept/x")
        )
      })
    )

    check("copies a tree, and keeps what is there unless told otherwise", ({ at, fs, shows }) =>
      Effect.gen(function* () {
        yield* fs.makeDirectory(at("from/sub"), { recursive: true })
        yield* fs.writeFileString(at("from/sub/f"), "new")
        yield* fs.copy(at("from"), at("deep/to"))
        assert.equal(yield* fs.readFileString(at("deep/to/sub/f")), "new")
        yield* fs.writeFileString(at("deep/to/sub/f"), "own")
        yield* fs.copy(at("from"), at("deep/to"))
        assert.equal(yield* fs.readFileString(at("deep/to/sub/f")), "own")
        yield* fs.utimes(at("from/sub/f"), 1_000, 2_000)
        yield* fs.copy(at("from"), at("deep/to"), { overwrite: true, preserveTimestamps: true })
        assert.equal(yield* fs.readFileString(at("deep/to/sub/f")), "new")
        assert.equal(Option.getOrThrow((yield* fs.stat(at("deep/to/sub/f"))).mtime).getTime(), 2_000_000)
        yield* fs.writeFileString(at("file"), "")
        assert.equal(
          yield* shows(fs.copy(at("from"), at("file"))),
          failure("Unknown copy cp ERR_FS_CP_DIR_TO_NON_DIR from")
        )
        assert.equal(
          yield* shows(fs.copy(at("file"), at("from"))),
          failure("Unknown copy cp ERR_FS_CP_NON_DIR_TO_DIR file")
        )
        assert.equal(
          yield* shows(fs.copy(at("from"), at("from/sub/x"))),
          failure("Unknown copy cp ERR_FS_CP_EINVAL from")
        )
        assert.equal(yield* shows(fs.copy(at("nope"), at("x"))), failure("NotFound copy lstat ENOENT nope"))
      })
    )

    check("makes temporary files and directories, and clears those of a scope", ({ at, base, fs, shows }) =>
      Effect.gen(function* () {
        const kept = yield* fs.makeTempDirectory({ directory: base, prefix: "kept-" })
        assert.match(kept.slice(base.length), /^\/kept-[A-Za-z0-9]{6}$/)
        assert.equal((yield* fs.stat(kept)).mode & 0o777, 0o700)
        const file = yield* fs.makeTempFile({ directory: base, suffix: ".txt" })
        assert.match(file.slice(base.length), /^\/[A-Za-z0-9]{6}\/[0-9a-f]{12}\.txt$/)
        assert.equal(yield* fs.readFileString(file), "")
        const cleared = yield* Effect.scoped(
          Effect.gen(function* () {
            const folder = yield* fs.makeTempDirectoryScoped({ directory: base })
            yield* fs.writeFileString(`${folder}/x`, "x")
            return [folder, yield* fs.makeTempFileScoped({ directory: base })]
          })
        )
        for (const path of cleared) assert.isFalse(yield* fs.exists(path))
        assert.lengthOf(yield* fs.readDirectory(base), 2)
        assert.match(
          yield* shows(fs.makeTempDirectory({ directory: at("nope") })),
          /^NotFound makeTempDirectory mkdtemp ENOENT \.\/nope\/$/
        )
        yield* fs.remove(kept, { recursive: true })
        yield* fs.remove(file.slice(0, file.lastIndexOf("/")), { recursive: true })
      })
    )

    check("tells of changes while it is watched", ({ at, fs }) =>
      Effect.gen(function* () {
        yield* fs.writeFileString(at("there"), "x")
        const events = yield* Queue.bounded<string>(64)
        const ready = yield* Queue.bounded<void>(1)
        const watching = fs.watch(at(""), { onReady: () => Queue.offerUnsafe(ready, undefined) })
        yield* Effect.forkScoped(
          Stream.runForEach(watching, ({ _tag, path }) => Queue.offer(events, `${_tag} ${path}`))
        )
        yield* Queue.take(ready)
        const until = (wanted: string): Effect.Effect<void> =>
          Effect.flatMap(Queue.take(events), (event) => (event === wanted ? Effect.void : until(wanted)))
        yield* fs.writeFileString(at("new"), "x")
        yield* until("Create new")
        yield* fs.writeFileString(at("there"), "y", { flag: "a" })
        yield* until("Update there")
        yield* fs.remove(at("there"))
        yield* until("Remove there")
        yield* fs.rename(at("new"), at("newer"))
        yield* until("Create newer")
      })
    )

    check("refuses to watch what is not there", ({ at, fs, shows }) =>
      Effect.gen(function* () {
        assert.equal(yield* shows(Stream.runDrain(fs.watch(at("x")))), failure("NotFound stat stat ENOENT x"))
      })
    )
  })

  describe("attributes", () => {
    check("shows type, size, mode and times", ({ at, fs, shows }) =>
      Effect.gen(function* () {
        yield* fs.writeFileString(at("a"), "hello", { mode: 0o666 })
        const info = yield* fs.stat(at("a"))
        assert.equal(info.type, "File")
        assert.equal(info.mode, 0o100644)
        assert.equal(info.size, ByteSize.bytes(5))
        for (const time of [info.mtime, info.atime, info.birthtime]) assert.isTrue(Option.isSome(time))
        yield* fs.chmod(at("a"), 0o7751)
        assert.equal((yield* fs.stat(at("a"))).mode & 0o7777, 0o7751)
        yield* fs.utimes(at("a"), 1.5, new Date(2_500))
        const later = yield* fs.stat(at("a"))
        assert.equal(Option.getOrThrow(later.atime).getTime(), 1_500)
        assert.equal(Option.getOrThrow(later.mtime).getTime(), 2_500)
        yield* fs.chown(at("a"), -1, -1)
        assert.deepEqual([later.uid, later.gid], [info.uid, info.gid])
        assert.equal(yield* shows(fs.chmod(at("a"), -1)), "BadArgument chmod")
        assert.equal(yield* shows(fs.chown(at("a"), -2, 0)), "BadArgument chown")
        assert.equal(yield* shows(fs.utimes(at("a"), Number.NaN, 0)), "BadArgument utime")
        assert.equal(yield* shows(fs.chmod(at("x"), 0o600)), failure("NotFound chmod chmod ENOENT x"))
        assert.equal(yield* shows(fs.chown(at("x"), 1, 1)), failure("NotFound chown chown ENOENT x"))
        assert.equal(yield* shows(fs.utimes(at("x"), 1, 1)), failure("NotFound utime utime ENOENT x"))
        assert.equal(yield* shows(fs.lstat(at("x"))), failure("NotFound lstat lstat ENOENT x"))
        assert.equal(yield* shows(fs.access(at("x"))), failure("NotFound access access ENOENT x"))
      })
    )

    check(
      "moves the time of change of a file when it is written, and of a directory when an entry comes",
      ({ at, fs }) =>
        Effect.gen(function* () {
          yield* fs.makeDirectory(at("d"))
          yield* fs.writeFileString(at("d/a"), "x")
          for (const path of ["d/a", "d"]) yield* fs.utimes(at(path), 1, 1)
          yield* fs.writeFileString(at("d/a"), "y", { flag: "a" })
          const mtime = (path: string) =>
            Effect.map(fs.stat(at(path)), (info) => Option.getOrThrow(info.mtime).getTime())
          assert.isAbove(yield* mtime("d/a"), 1_000)
          assert.equal(yield* mtime("d"), 1_000)
          yield* fs.rename(at("d/a"), at("d/b"))
          assert.isAbove(yield* mtime("d"), 1_000)
        })
    )
  })

  describe("permissions", () => {
    check("lets a plain user do only what the mode says", ({ at, fs, shows }) =>
      Effect.gen(function* () {
        yield* fs.writeFileString(at("f"), "x")
        yield* fs.makeDirectory(at("d"))
        yield* fs.writeFileString(at("d/g"), "x")
        yield* fs.chmod(at("f"), 0o000)
        assert.equal(yield* shows(fs.readFile(at("f"))), failure("PermissionDenied readFile open EACCES f"))
        yield* fs.chmod(at("f"), 0o400)
        assert.equal(yield* shows(fs.writeFileString(at("f"), "")), failure("PermissionDenied writeFile open EACCES f"))
        yield* fs.chmod(at("d"), 0o500)
        assert.equal(
          yield* shows(fs.writeFileString(at("d/h"), "")),
          failure("PermissionDenied writeFile open EACCES d/h")
        )
        assert.equal(yield* shows(fs.remove(at("d/g"))), failure("PermissionDenied remove unlink EACCES d/g"))
        assert.equal(yield* shows(fs.rename(at("d/g"), at("g"))), failure("PermissionDenied rename rename EACCES d/g"))
        assert.equal(
          yield* shows(fs.makeDirectory(at("d/e"))),
          failure("PermissionDenied makeDirectory mkdir EACCES d/e")
        )
        yield* fs.chmod(at("d"), 0o300)
        assert.equal(
          yield* shows(fs.readDirectory(at("d"))),
          failure("PermissionDenied readDirectory scandir EACCES d")
        )
        yield* fs.chmod(at("d"), 0o600)
        assert.equal(yield* shows(fs.stat(at("d/g"))), failure("PermissionDenied stat stat EACCES d/g"))
        yield* fs.chmod(at("d"), 0o700)
      })
    )

    check("gives no file away, and does not touch what others own", ({ at, fs, shows }) =>
      Effect.gen(function* () {
        yield* fs.writeFileString(at("f"), "x")
        assert.equal(yield* shows(fs.chown(at("f"), 0, -1)), failure("PermissionDenied chown chown EPERM f"))
        assert.equal(yield* shows(fs.chmod("/", 0o777)), "PermissionDenied chmod chmod EPERM /")
        assert.equal(yield* shows(fs.utimes("/", 1, 1)), "PermissionDenied utime utime EPERM /")
        assert.match(yield* shows(fs.writeFileString("/muster-test", "")), /^PermissionDenied writeFile open EACCES/)
      })
    )
  })
}

/** As `observe` shows it: tag, method, system call and code, then the path in the folder of the test. */
const failure = (text: string): string => {
  const [tag = "", method = "", syscall = "", code = "", ...path] = text.split(" ")
  return [tag, method, syscall, code, `./${path.join(" ")}`].join(" ")
}
