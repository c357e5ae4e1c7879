/**
 * A simulated disk: it outlives the programs that use it. A scenario makes it outside of the host that it crashes, and
 * mounts it by `SimFileSystem.layer`, any number of times.
 *
 * Models: inodes, directories, hard and symbolic links, owners and permissions, and what a loss of power leaves, as on
 * ext4 with `data=ordered` and delayed allocation:
 * - Metadata (create, rename, link, unlink, change of size or attributes) goes through one journal, in order. Each
 *   change is atomic; a loss of power keeps the first so many. A sync of any file or directory makes all that came
 *   before it safe, so that a rename is safe once its directory is synced.
 * - What is written to a file is safe once that file is synced. Before, each write may be kept, lost (it reads as the
 *   bytes before, or as zeros), or torn (its first part is kept), whatever became of the others. A rename before the
 *   sync can thus leave an empty file under the new name.
 * - A sync that fails with `EIO` counts the bytes as clean, as Linux does: a second sync says yes and saves nothing.
 * - The disk has a capacity: a write takes what fits, and the next fails with `ENOSPC`.
 *
 * Faults are rules on a point (operation, path): `delay`; `fail` with any code (`refuse` is `EACCES`, `reset` `EIO`);
 * `corrupt` flips a bit of what is read or written, and is `EIO` for all else; `drop` is a sync that lies, and an
 * operation that never ends for all else.
 *
 * Does not model: writing back by the clock (what is not synced stays at risk, up to 16 MiB and 65,536 writes; beyond,
 * the oldest becomes safe), ext4's rescue of files that replace others (`auto_da_alloc`), space that inodes and names
 * take, sparse files (a hole takes space as bytes do), atime on reading, access lists, quotas, mounts, devices, file
 * locks, extended attributes, bad sectors that stay bad.
 */
import { Clock, Context, Effect, Layer, type Scope } from "effect"
import { RunContext } from "../RunContext.ts"
import * as Rules from "../Rules.ts"
import { HandleTable } from "./HandleTable.ts"
import type { Attributes, Image, Inode } from "./Image.ts"
import { normalize, walk } from "./PathWalk.ts"
import { type Losses, Volume } from "./Volume.ts"

/** What a program asks of a disk. `readFile` is an `open`, a `stat` and `read`s; `writeFile` an `open` and `write`s. */
export type Operation =
  | "access"
  | "chmod"
  | "chown"
  | "copy"
  | "link"
  | "list"
  | "makeDirectory"
  | "open"
  | "read"
  | "readLink"
  | "remove"
  | "rename"
  | "stat"
  | "symlink"
  | "sync"
  | "truncate"
  | "utimes"
  | "write"

/** What a rule is asked about. */
export interface Point {
  readonly operation: Operation
  /** Absolute, as the program named it; of an open file, as it was opened. */
  readonly path: string
}

export interface DiskOptions {
  /** For the bytes of files. Default 256 MiB. */
  readonly capacityBytes: number
  /** A loss of power tears writes at multiples of this many bytes. Default 1: anywhere. */
  readonly tearBytes: number
  /** Who owns `/`. Default 1000, the same as a program's default. `/tmp` is there for all. */
  readonly uid: number
  readonly gid: number
}

const defaults: DiskOptions = { capacityBytes: 256 * 1024 * 1024, tearBytes: 1, uid: 1000, gid: 1000 }

export class Disk extends Context.Service<
  Disk,
  {
    /** Adds a rule until the scope closes. */
    readonly rule: (rule: Rules.Rule<Point>) => Effect.Effect<void, never, Scope.Scope>
    /**
     * The host loses power: what was not synced may be lost or torn, and all open files are gone. Draws from the
     * `faults` stream; 0 keeps everything.
     */
    readonly crash: Effect.Effect<Losses>
    /** The programs on the host are killed: their open files are closed, and nothing is lost. */
    readonly kill: Effect.Effect<void>
    /** Somebody else removes this path and all below it. Relative to `/`; one that is not there is left alone. */
    readonly vanish: (path: string) => Effect.Effect<void>
    /** Makes the disk full, or gives it room. */
    readonly setCapacity: (bytes: number) => Effect.Effect<void>
    readonly usedBytes: Effect.Effect<number>
    readonly openFiles: Effect.Effect<number>
    /** For `SimFileSystem`: what is on the disk, */
    readonly volume: Volume
    /** what the rules say of a point, */
    readonly decide: (point: Point) => Rules.Verdict
    /** the table of open files of one more program, */
    readonly attach: (handlesMax: number) => HandleTable
    /** and a temporary directory, held until it is removed. */
    readonly holdTemporary: (inode: Inode, path: string) => void
  }
>()("muster/sim/fs/Disk") {}

const directoryMode = 0o755
const temporaryMode = 0o1777

export const make = (options: Partial<DiskOptions> = {}): Effect.Effect<Disk["Service"], never, RunContext> =>
  Effect.gen(function* () {
    const { capacityBytes, gid, tearBytes, uid } = { ...defaults, ...options }
    const context = yield* RunContext
    const rules = yield* Rules.make<Point>({
      service: "disk",
      describe: ({ operation, path }) => `${operation} ${path}`
    })
    const nowMs = yield* Clock.currentTimeMillis
    const root: Attributes = { mode: directoryMode, uid, gid, atimeMs: nowMs, mtimeMs: nowMs }
    const volume = new Volume({ capacityBytes, tearBytes, root })
    makeTemporary(volume, nowMs)
    const tables: Array<HandleTable> = []
    const temporary = new Map<number, () => void>()
    const letGo = (number: number) => {
      temporary.get(number)?.()
      temporary.delete(number)
    }
    volume.onDropped(letGo)
    const closeAll = () => {
      for (const table of tables) table.clear()
      for (const number of temporary.keys()) letGo(number)
    }
    return Disk.of({
      rule: rules.add,
      crash: Effect.sync(() => {
        closeAll()
        const losses = volume.crash((n) => context.choose("faults", n))
        report(context, losses)
        return losses
      }),
      kill: Effect.sync(closeAll),
      vanish: (path) =>
        Effect.clockWith((clock) =>
          Effect.sync(() => {
            context.fault("disk vanish")
            context.tell(() => `disk: ${path} vanishes`, { kind: "fault" })
            vanish(volume, normalize("/", path), clock.currentTimeMillisUnsafe())
          })
        ),
      setCapacity: (bytes) =>
        Effect.sync(() => {
          volume.capacityBytes = bytes
        }),
      usedBytes: Effect.sync(() => volume.live.usedBytes),
      openFiles: Effect.sync(() => tables.reduce((sum, table) => sum + table.size, 0)),
      volume,
      decide: rules.decide,
      attach: (handlesMax) => {
        const table = new HandleTable({ volume, handlesMax, hold: (path) => context.hold("open file", path) })
        tables.push(table)
        return table
      },
      holdTemporary: (inode, path) => void temporary.set(inode.number, context.hold("temporary directory", path))
    })
  })

export const layer = (options: Partial<DiskOptions> = {}): Layer.Layer<Disk, never, RunContext> =>
  Layer.effect(Disk, make(options))

const makeTemporary = (volume: Volume, nowMs: number): void => {
  const number = volume.newNumber()
  volume.transact(nowMs, [
    { _tag: "create", number, kind: "Directory", mode: temporaryMode, uid: 0, gid: 0 },
    { _tag: "link", directory: volume.live.root.number, name: "tmp", number }
  ])
  volume.sync(number)
}

const report = (context: RunContext["Service"], losses: Losses): void => {
  const { lostTransactions, lostWrites, tornWrites, transactions, writes } = losses
  context.fault("disk crash")
  if (lostTransactions > 0) context.fault("disk lost metadata")
  if (lostWrites > 0) context.fault("disk lost writes")
  if (tornWrites > 0) context.fault("disk tore writes")
  context.tell(
    () =>
      `disk: crash, of what was not synced ${lostTransactions} of ${transactions} changes of names and sizes and ` +
      `${lostWrites} of ${writes} writes are lost, and ${tornWrites} writes torn`,
    { kind: "fault" }
  )
}

const superuser = { uid: 0, gid: 0 }

const vanish = (volume: Volume, path: string, nowMs: number): void => {
  const place = find(volume.live, path)
  if (place?.inode === undefined || place.inode === volume.live.root) return
  if (place.inode.kind === "Directory") {
    for (const name of place.inode.entries.keys()) vanish(volume, `${path}/${name}`, nowMs)
  }
  volume.transact(nowMs, [{ _tag: "unlink", directory: place.directory.number, name: place.name }])
}

const find = (image: Image, path: string) => {
  try {
    return walk(path, { image, credentials: superuser, directory: "/", follow: false })
  } catch {
    return undefined
  }
}
