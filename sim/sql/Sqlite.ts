/**
 * One SQLite database in memory with connections of their own transactions. Everything here happens at once, in one
 * step of the run; waiting is the business of `Database`.
 *
 * What is committed is an image, as bytes, that outlives all connections: the disk. A connection is a SQLite of its own
 * that takes over the image when it begins, and puts back a new one when it commits. That is what a file in WAL mode
 * gives its readers and writers: a transaction reads the state committed when it first read, and its own changes; one
 * transaction writes at a time; one that has read and then wants to write after others have committed fails at once
 * with SQLITE_BUSY_SNAPSHOT, or with SQLITE_BUSY while another writes.
 *
 * Not modelled: files and their lengths, checkpoints, torn writes, a cursor that stays open (rows are read at once).
 */
import { Result } from "effect"
import { Engine, imageOf, type Table } from "./Engine.ts"
import { SqliteFailure } from "./SqliteFailure.ts"
import type { SqliteValue } from "./SqliteValue.ts"
import type { Sources } from "./Unpredictable.ts"

/** A statement was done or failed; or it would have to wait until the transaction that writes has ended. */
export type Attempt = Result.Result<Table, SqliteFailure> | "busy"

/** Pages of a database without a limit: the largest that SQLite knows. */
const pagesUnlimited = 4_294_967_294

const empty: Table = { columns: [], rows: [], changes: 0 }

export class Sqlite {
  /** What is committed; undefined before the first commit. */
  private image: Uint8Array | undefined
  /** Counts the images. */
  private version = 0
  private writer: SqliteConnection | undefined
  private readonly sources: Sources
  private readonly engines = new Set<Engine>()
  private readonly isPrepared: boolean
  private pagesMax = pagesUnlimited
  /** Whether writes fail with SQLITE_READONLY. */
  isReadOnly = false

  /** Begins with what these statements make. */
  constructor(sources: Sources, prepared: ReadonlyArray<string>) {
    this.sources = sources
    this.isPrepared = prepared.length > 0
    if (this.isPrepared) this.shared.publish(imageOf(prepared))
  }

  /** Pages that the database may have; undefined for no limit. SQLite itself answers SQLITE_FULL beyond. */
  limitPages(pages: number | undefined): void {
    this.pagesMax = pages ?? pagesUnlimited
  }

  /** How many states were committed. */
  get commits(): number {
    return this.version
  }

  open(): SqliteConnection {
    const engine = Engine.take(this.sources, this.isPrepared)
    this.engines.add(engine)
    return new SqliteConnection(this.shared, engine)
  }

  /** The run is over, and its connections with it, whatever they were doing. */
  end(): void {
    for (const engine of this.engines) engine.release()
    this.engines.clear()
  }

  private readonly shared: Shared = {
    version: () => this.version,
    image: () => this.image,
    pagesMax: () => this.pagesMax,
    isReadOnly: () => this.isReadOnly,
    writer: () => this.writer,
    setWriter: (connection) => void (this.writer = connection),
    publish: (image) => {
      if (this.image !== undefined && isSame(this.image, image)) return
      this.image = image
      this.version++
    },
    release: (engine) => {
      this.engines.delete(engine)
      engine.release()
    }
  }
}

/** Written as a loop over words: images are large, and each commit compares two of them. */
const isSame = (a: Uint8Array, b: Uint8Array): boolean => {
  if (a.length !== b.length) return false
  const [words, others] = [wordsOf(a), wordsOf(b)]
  for (let i = 0; i < words.length; i++) if (words[i] !== others[i]) return false
  return true
}

/** An image is a whole number of pages. */
const wordsOf = ({ buffer, byteLength, byteOffset }: Uint8Array): Uint32Array =>
  new Uint32Array(buffer, byteOffset, byteLength / 4)

/** What connections have in common. */
interface Shared {
  readonly version: () => number
  readonly image: () => Uint8Array | undefined
  readonly pagesMax: () => number
  readonly isReadOnly: () => boolean
  readonly writer: () => SqliteConnection | undefined
  readonly setWriter: (connection: SqliteConnection | undefined) => void
  readonly publish: (image: Uint8Array) => void
  readonly release: (engine: Engine) => void
}

export class SqliteConnection {
  private readonly shared: Shared
  private readonly engine: Engine
  private isOpen = true
  /** Version of the image that the engine started from. */
  private loaded = 0
  /** A plain BEGIN was acknowledged, but nothing was read yet: the state to see is not settled. */
  private isPending = false
  /** The transaction has written. */
  private isDirty = false

  constructor(shared: Shared, engine: Engine) {
    this.shared = shared
    this.engine = engine
  }

  get isInTransaction(): boolean {
    return this.isPending || this.engine.isTransaction
  }

  get isWriter(): boolean {
    return this.shared.writer() === this
  }

  /** Does a statement now, if it need not wait for another transaction. */
  attempt(sql: string, params: ReadonlyArray<SqliteValue>): Attempt {
    const { engine, shared } = this
    if (!engine.isTransaction) this.load()
    engine.configure(shared.pagesMax(), shared.isReadOnly())
    const statement = engine.prepare(sql)
    if (Result.isFailure(statement)) return Result.fail(statement.failure)
    const { control, writes } = statement.success
    if (control === "begin" && !this.isInTransaction) {
      this.isPending = true
      return Result.succeed(empty)
    }
    if (writes || (control === "begin immediate" && !this.isInTransaction)) {
      const refusal = this.takeLock()
      if (refusal !== undefined) return refusal
    }
    if (this.isPending) {
      this.isPending = false
      engine.exec("BEGIN")
    }
    this.isDirty ||= writes
    const result = engine.run(statement.success, params)
    if (!engine.isTransaction) this.settle(Result.isSuccess(result) && control !== "rollback")
    return result
  }

  /** Gives up the transaction, if there is one. */
  rollback(): void {
    this.isPending = false
    if (this.engine.isTransaction) this.engine.exec("ROLLBACK")
    this.settle(false)
  }

  /** Ends the connection; what it has not committed is gone. */
  close(): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.rollback()
    this.shared.release(this.engine)
  }

  /** The transaction is over: what it wrote becomes the committed state, and others may write. */
  private settle(isCommitted: boolean): void {
    if (!this.isWriter) return
    if (this.isDirty && isCommitted) {
      this.shared.publish(this.engine.image())
      this.loaded = this.shared.version()
      this.engine.committed(this.shared.image())
    }
    this.isDirty = false
    this.shared.setWriter(undefined)
  }

  private takeLock(): Attempt | undefined {
    if (this.isWriter) return undefined
    if (this.shared.writer() !== undefined) {
      // As in SQLite: one that has read does not wait, since the one it waits for makes its reading out of date.
      return this.engine.isTransaction ? Result.fail(SqliteFailure.of("SQLITE_BUSY")) : "busy"
    }
    if (this.loaded !== this.shared.version()) return Result.fail(SqliteFailure.of("SQLITE_BUSY_SNAPSHOT"))
    this.shared.setWriter(this)
    return undefined
  }

  /** Brings the connection to the committed state. */
  private load(): void {
    const image = this.shared.image()
    if (image === undefined || this.loaded === this.shared.version()) return
    this.engine.load(image)
    this.loaded = this.shared.version()
  }
}
