/** Random steps on a file system: the model test takes the same ones on both sides. */
import { Effect, FileSystem, Option, type PlatformError, type Scope } from "effect"
import * as fc from "fast-check"
import { observe } from "./FileSystemObservation.ts"

/** `at` makes a path of the base of a path under it. */
type At = (path: string) => string

type Does = (fs: FileSystem.FileSystem, at: At) => Effect.Effect<unknown, PlatformError.PlatformError, Scope.Scope>

/** Something to do, and how a report of a counterexample calls it. */
export interface Step {
  readonly label: string
  readonly run: Does
  readonly [fc.toStringMethod]: () => string
}

const step = (label: string, run: Does): Step => ({ label, run, [fc.toStringMethod]: () => label })

const name = fc.constantFrom("a", "b", "c", "ü")
const pair = fc.tuple(name, name).map(([a, b]) => `${a}/${b}`)

/** Under the base: short ones meet often, a few are odd. None leads out of it. */
const anyPath = fc.oneof(
  { weight: 8, arbitrary: name },
  { weight: 6, arbitrary: pair },
  { weight: 2, arbitrary: fc.tuple(pair, name).map(([a, b]) => `${a}/${b}`) },
  { weight: 1, arbitrary: fc.tuple(name, name).map(([a, b]) => `${a}/../${b}`) },
  { weight: 1, arbitrary: fc.tuple(name, name).map(([a, b]) => `${a}/./${b}`) },
  { weight: 1, arbitrary: name.map((each) => `${each}/`) },
  { weight: 1, arbitrary: fc.constantFrom(".", "a/.", "b/..", "a//b") }
)
const target = fc.oneof(
  { weight: 6, arbitrary: name },
  { weight: 2, arbitrary: pair },
  { weight: 1, arbitrary: fc.constantFrom(".", "../a", "", "b/") }
)
const text = fc.constantFrom("", "x", "hello", "0123456789".repeat(3))
const flag = fc.constantFrom<FileSystem.OpenFlag>("r", "r+", "w", "wx", "w+", "wx+", "a", "ax", "a+", "ax+")
const mode = fc.constantFrom(0o644, 0o600, 0o755, 0o700, 0o000, 0o400, 0o200, 0o500, 0o300)
const size = fc.integer({ min: 0, max: 40 })

const encode = (content: string) => new TextEncoder().encode(content)

/** What both sides must agree on. Sizes and links of directories are the business of each file system. */
export const essence = (info: FileSystem.File.Info) => ({
  type: info.type,
  mode: info.mode.toString(8),
  uid: info.uid,
  gid: info.gid,
  ...(info.type === "Directory" ? {} : { size: info.size, links: info.nlink })
})

type OnFile = (file: FileSystem.File) => Effect.Effect<unknown, PlatformError.PlatformError>

interface FileStep {
  readonly label: string
  readonly run: OnFile
}

const readSome =
  (length: number, position: bigint | undefined): OnFile =>
  (file) => {
    const buffer = new Uint8Array(length)
    return Effect.map(file.read(buffer, { position }), (count) => [count, ...buffer])
  }

const fileStep: fc.Arbitrary<FileStep> = fc.oneof(
  text.map((t) => ({ label: `write ${t}`, run: (file: FileSystem.File) => file.write(encode(t)) })),
  text.map((t) => ({ label: `writeAll ${t}`, run: (file: FileSystem.File) => file.writeAll(encode(t)) })),
  size.map((n) => ({ label: `read ${n}`, run: readSome(n, undefined) })),
  fc.tuple(size, fc.integer({ min: -1, max: 40 })).map(([n, from]) => ({
    label: `read ${n} at ${from}`,
    run: readSome(n, BigInt(from))
  })),
  size.map((n) => ({
    label: `readAlloc ${n}`,
    run: (file: FileSystem.File) =>
      Effect.map(
        file.readAlloc(n),
        Option.map((bytes) => [...bytes])
      )
  })),
  fc
    .tuple(fc.integer({ min: -10, max: 30 }), fc.constantFrom("start" as const, "current" as const))
    .map(([by, from]) => ({
      label: `seek ${by} from ${from}`,
      run: (file: FileSystem.File) => file.seek(BigInt(by), from)
    })),
  fc.option(size, { nil: undefined }).map((n) => ({
    label: `truncate ${n}`,
    run: (file: FileSystem.File) => file.truncate(n)
  })),
  fc.constant({ label: "sync", run: (file: FileSystem.File) => file.sync }),
  fc.constant({ label: "stat", run: (file: FileSystem.File) => Effect.map(file.stat, essence) })
)

/** Opens a file and does this and that with it; unlinks it halfway now and then. */
const session = fc
  .record({
    path: anyPath,
    flag,
    mode,
    noFollow: fc.boolean(),
    steps: fc.array(fileStep, { maxLength: 7 }),
    unlinkAt: size
  })
  .map(({ flag: how, mode: bits, noFollow, path: p, steps, unlinkAt }) =>
    step(
      `open ${p} ${how} ${bits.toString(8)}${noFollow ? " noFollow" : ""}: ` +
        steps.map((each) => each.label).join(", ") +
        (unlinkAt < steps.length ? ` (unlinked before ${unlinkAt})` : ""),
      (fs, at) =>
        Effect.gen(function* () {
          const file = yield* fs.open(at(p), { flag: how, mode: bits, noFollow })
          const seen: Array<string> = []
          for (const [i, each] of steps.entries()) {
            if (i === unlinkAt) seen.push(yield* observe(at(""), fs.remove(at(p))))
            seen.push(yield* observe(at(""), each.run(file)))
          }
          return seen
        })
    )
  )

const onOne = (
  label: string,
  run: (fs: FileSystem.FileSystem, path: string) => Effect.Effect<unknown, PlatformError.PlatformError>
) => anyPath.map((p) => step(`${label} ${p}`, (fs, at) => run(fs, at(p))))

const onTwo = (
  label: string,
  run: (fs: FileSystem.FileSystem, from: string, to: string) => Effect.Effect<unknown, PlatformError.PlatformError>
) => fc.tuple(anyPath, anyPath).map(([p, q]) => step(`${label} ${p} ${q}`, (fs, at) => run(fs, at(p), at(q))))

const makeDirectory = fc.tuple(anyPath, fc.boolean()).map(([p, recursive]) =>
  step(`makeDirectory ${p}${recursive ? " recursive" : ""}`, (fs, at) =>
    // The real one gives the first directory that it made, which its type does not tell.
    Effect.asVoid(fs.makeDirectory(at(p), { recursive }))
  )
)

const writeFile = fc
  .tuple(anyPath, text, fc.option(flag, { nil: undefined }))
  .map(([p, t, how]) => step(`writeFile ${p} ${t} ${how}`, (fs, at) => fs.writeFile(at(p), encode(t), { flag: how })))

/**
 * Node copies a tree in the order in which the disk has its entries, and looks at both ends of a copy at the same time:
 * copies that could fail halfway, or for two reasons, are left out.
 */
const copy = (fs: FileSystem.FileSystem, from: string, to: string, options: FileSystemCopyOptions) =>
  Effect.gen(function* () {
    const source = yield* fs.lstat(from)
    if (source.type === "Directory") {
      const isFree = yield* Effect.match(fs.lstat(to), {
        onFailure: ({ reason }) => reason._tag === "NotFound",
        onSuccess: () => false
      })
      const isPlain =
        !/[./]$/.test(from) &&
        (yield* Effect.match(readAll(fs, from), { onFailure: () => false, onSuccess: () => true }))
      if (!isFree || !isPlain) return "left out"
    }
    yield* fs.copy(from, to, options)
    return "copied"
  })

type FileSystemCopyOptions = NonNullable<Parameters<FileSystem.FileSystem["copy"]>[2]>

const readAll = (fs: FileSystem.FileSystem, path: string): Effect.Effect<void, PlatformError.PlatformError> =>
  Effect.gen(function* () {
    const { type } = yield* fs.lstat(path)
    if (type === "File") yield* fs.readFile(path)
    if (type !== "Directory") return
    for (const entry of yield* fs.readDirectory(path)) yield* readAll(fs, `${path}/${entry}`)
  })

const others = fc.oneof(
  // Node removes what is below a path all at the same time: of `a/..` it gets lost halfway, one way or another.
  fc
    .tuple(
      anyPath.filter((p) => !p.includes("..")),
      fc.boolean(),
      fc.boolean()
    )
    .map(([p, recursive, force]) =>
      step(`remove ${p} recursive ${recursive} force ${force}`, (fs, at) => fs.remove(at(p), { recursive, force }))
    ),
  onTwo("rename", (fs, from, to) => fs.rename(from, to)),
  onTwo("link", (fs, from, to) => fs.link(from, to)),
  onTwo("copyFile", (fs, from, to) => fs.copyFile(from, to)),
  onTwo("copy", (fs, from, to) => copy(fs, from, to, {})),
  onTwo("copy over", (fs, from, to) => copy(fs, from, to, { overwrite: true, preserveTimestamps: true })),
  fc.tuple(target, anyPath).map(([t, p]) => step(`symlink ${t} ${p}`, (fs, at) => fs.symlink(t, at(p)))),
  onOne("readFile", (fs, p) => fs.readFile(p)),
  onOne("readLink", (fs, p) => fs.readLink(p)),
  onOne("realPath", (fs, p) => fs.realPath(p)),
  onOne("readDirectory", (fs, p) => Effect.map(fs.readDirectory(p), (found) => found.toSorted())),
  onOne("readDirectoryEntries", (fs, p) => Effect.map(fs.readDirectoryEntries(p), sorted)),
  onOne("stat", (fs, p) => Effect.map(fs.stat(p), essence)),
  onOne("lstat", (fs, p) => Effect.map(fs.lstat(p), essence)),
  onOne("glob", (fs, p) => fs.glob("**/[ab]*", { root: p })),
  fc.tuple(anyPath, size).map(([p, n]) => step(`truncate ${p} ${n}`, (fs, at) => fs.truncate(at(p), n))),
  fc.tuple(anyPath, mode).map(([p, m]) => step(`chmod ${p} ${m.toString(8)}`, (fs, at) => fs.chmod(at(p), m)))
)

const sorted = (entries: ReadonlyArray<FileSystem.DirectoryEntry>) =>
  entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))

const access = fc.oneof(
  onOne("exists", (fs, p) => fs.exists(p)),
  onOne("access", (fs, p) => fs.access(p, { readable: true, writable: true }))
)

/** `withAccess` where the system answers for the user that the other calls are made for. */
export const steps = (withAccess: boolean): fc.Arbitrary<Array<Step>> =>
  fc.array(
    fc.oneof(
      { weight: withAccess ? 1 : 0, arbitrary: access },
      { weight: 3, arbitrary: makeDirectory },
      { weight: 3, arbitrary: writeFile },
      { weight: 3, arbitrary: session },
      { weight: 12, arbitrary: others }
    ),
    { minLength: 1, maxLength: 25 }
  )

/** Takes the steps in a directory of its own; what each showed, and what is there in the end. */
export const take = (all: ReadonlyArray<Step>) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const root = yield* fs.makeTempDirectoryScoped()
    const base = `${root}/1/2`
    yield* fs.makeDirectory(base, { recursive: true })
    const at: At = (path) => (path === "" ? base : `${base}/${path}`)
    const seen: Array<string> = []
    for (const each of all) seen.push(`${each.label}: ${yield* observe(base, Effect.scoped(each.run(fs, at)))}`)
    const tree = yield* inventory(fs, base)
    yield* openUp(fs, base)
    return [...seen, ...tree].map((line) => line.replaceAll(base, ".").replaceAll(root, "ABOVE"))
  })

/** A line for each entry of the tree, as far as it may be read. */
const inventory = (
  fs: FileSystem.FileSystem,
  path: string
): Effect.Effect<ReadonlyArray<string>, PlatformError.PlatformError> =>
  Effect.gen(function* () {
    const info = yield* fs.lstat(path)
    const lines = [`${path} ${yield* observe("", Effect.succeed(essence(info)))}`]
    if (info.type === "File") lines.push(yield* observe("", fs.readFile(path)))
    if (info.type === "SymbolicLink") lines.push(yield* observe("", fs.readLink(path)))
    if (info.type !== "Directory") return lines
    yield* fs.chmod(path, 0o700)
    for (const entry of (yield* fs.readDirectory(path)).toSorted()) {
      lines.push(...(yield* inventory(fs, `${path}/${entry}`)))
    }
    return lines
  })

/** So that whoever clears up can. */
const openUp = (fs: FileSystem.FileSystem, path: string): Effect.Effect<void, PlatformError.PlatformError> =>
  Effect.gen(function* () {
    if ((yield* fs.lstat(path)).type !== "Directory") return
    yield* fs.chmod(path, 0o700)
    for (const entry of yield* fs.readDirectory(path)) yield* openUp(fs, `${path}/${entry}`)
  })
