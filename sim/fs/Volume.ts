/**
 * A volume: what programs see of it, what is safe on the disk, and what lies between the two and a loss of power may
 * take. See Disk.ts for what of a real file system this models.
 */
import { Errno } from "./Errno.ts"
import { type Attributes, type Change, Image } from "./Image.ts"

/** Changes of metadata that the journal takes all together or not at all. */
interface Transaction {
  readonly sequence: number
  readonly atMs: number
  readonly changes: ReadonlyArray<Change>
}

/** Bytes that are in the page cache only. */
interface DirtyWrite {
  readonly number: number
  readonly offset: number
  readonly bytes: Uint8Array
  readonly atMs: number
  /** The transaction that gave the file its blocks: without it these bytes belong to nothing. */
  readonly needs: number
}

/** An entry came, went or changed its target (`rename`), or what it names changed (`change`). */
export interface VolumeEvent {
  readonly kind: "rename" | "change"
  readonly directory: number
  readonly name: string
}

/** What a loss of power did to what was not synced. */
export interface Losses {
  readonly transactions: number
  readonly lostTransactions: number
  readonly writes: number
  readonly lostWrites: number
  readonly tornWrites: number
}

export interface VolumeOptions {
  readonly capacityBytes: number
  /** Writes tear at multiples of this many bytes. */
  readonly tearBytes: number
  readonly root: Attributes
}

/** As the kernel does under pressure, what is oldest is written back when there is more than this. */
const limits = { dirtyBytesMax: 16 * 1024 * 1024, dirtyWritesMax: 65_536, transactionsMax: 65_536 } as const

export class Volume {
  capacityBytes: number
  /** What programs see. */
  readonly live: Image
  /** What is safe. */
  private readonly durable: Image
  private readonly tearBytes: number
  private journal: Array<Transaction> = []
  private dirty: Array<DirtyWrite> = []
  private dirtyBytes = 0
  private sequence = 0
  private committed = 0
  private lastNumber = 10
  /** The transaction that last set the size of a file, by inode. */
  private readonly sizedBy = new Map<number, number>()
  private readonly openCounts = new Map<number, number>()
  private readonly listeners = new Set<(event: VolumeEvent) => void>()
  private readonly droppedListeners = new Set<(number: number) => void>()

  constructor(options: VolumeOptions) {
    this.capacityBytes = options.capacityBytes
    this.tearBytes = options.tearBytes
    this.durable = new Image({ root: options.root })
    this.live = new Image({
      root: options.root,
      isOpen: (number) => this.openCounts.has(number),
      onDropped: (number) => {
        this.sizedBy.delete(number)
        this.forget(number)
        for (const listener of this.droppedListeners) listener(number)
      }
    })
  }

  /** A number for a new inode. */
  newNumber(): number {
    return ++this.lastNumber
  }

  /** Changes metadata: seen at once, safe once synced, and never in part. */
  transact(atMs: number, changes: ReadonlyArray<Change>): void {
    const sequence = ++this.sequence
    this.journal.push({ sequence, atMs, changes })
    for (const change of changes) {
      if (change._tag === "resize") this.resized(change.number, change.size, sequence)
      if (change._tag === "create") this.sizedBy.set(change.number, sequence)
      this.live.apply(change, atMs)
      this.tell(change)
    }
    if (this.journal.length > limits.transactionsMax) this.commit(this.committed + limits.transactionsMax / 2)
  }

  /** Writes as many of the bytes as there is room for, at least one; none is `ENOSPC`. Gives their count. */
  write(number: number, offset: number, bytes: Uint8Array, atMs: number): number {
    const inode = this.live.get(number)
    if (inode?.kind !== "File") throw new Errno({ code: "EBADF" })
    const room = inode.data.size + Math.max(0, this.capacityBytes - this.live.usedBytes)
    const count = Math.min(bytes.length, room - offset)
    if (bytes.length > 0 && count <= 0) throw new Errno({ code: "ENOSPC" })
    const written = bytes.slice(0, count)
    this.live.write(number, offset, written, atMs)
    if (count > 0) this.dirty.push({ number, offset, bytes: written, atMs, needs: this.sizedBy.get(number) ?? 0 })
    this.dirtyBytes += written.length
    this.tellOf(number)
    if (this.dirtyBytes > limits.dirtyBytesMax || this.dirty.length > limits.dirtyWritesMax) this.writeBack()
    return written.length
  }

  /** Room for a file to grow to this size? */
  hasRoom(number: number, size: number): boolean {
    const inode = this.live.get(number)
    return inode?.kind !== "File" || size - inode.data.size <= Math.max(0, this.capacityBytes - this.live.usedBytes)
  }

  /** Makes the file's bytes safe, and with them all metadata so far: the journal is one for the whole volume. */
  sync(number: number): void {
    this.commit(this.sequence)
    for (const write of this.dirty) if (write.number === number) this.makeSafe(write)
    this.forget(number)
  }

  /** The bytes of a file that are not safe never will be, though the program goes on seeing them. */
  forget(number: number): void {
    this.dirty = this.dirty.filter((write) => write.number !== number)
    this.dirtyBytes = this.dirty.reduce((sum, write) => sum + write.bytes.length, 0)
  }

  /** Loss of power. `choose` gives an integer below n; 0 keeps. Everybody's handles are gone. */
  crash(choose: (n: number) => number): Losses {
    // 0 keeps all and 1 loses all, so that these two extremes come up often; else each is drawn for.
    const extent = choose(4)
    const transactions = this.journal.length
    const kept = extent === 0 ? transactions : extent === 1 ? 0 : transactions - choose(transactions + 1)
    this.commit(this.committed + kept)
    let lostWrites = 0
    let tornWrites = 0
    for (const write of this.dirty) {
      const fate = extent === 0 ? 0 : extent === 1 ? 1 : choose(3)
      if (fate === 1 || write.needs > this.committed) {
        lostWrites++
        continue
      }
      const bytes = fate === 2 ? this.tear(write, choose) : write.bytes
      if (bytes.length < write.bytes.length) tornWrites++
      this.durable.write(write.number, write.offset, bytes, write.atMs)
    }
    const writes = this.dirty.length
    this.journal = []
    this.committed = this.sequence
    this.dirty = []
    this.dirtyBytes = 0
    this.sizedBy.clear()
    this.openCounts.clear()
    this.live.restore(this.durable)
    return { transactions, lostTransactions: transactions - kept, writes, lostWrites, tornWrites }
  }

  opened(number: number): void {
    this.openCounts.set(number, (this.openCounts.get(number) ?? 0) + 1)
  }

  closed(number: number): void {
    const left = (this.openCounts.get(number) ?? 0) - 1
    if (left > 0) this.openCounts.set(number, left)
    else this.openCounts.delete(number)
    this.live.drop(number)
  }

  /** Hears of every change from now on, until the function that this gives is called. */
  listen(listener: (event: VolumeEvent) => void): () => void {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }

  /** Hears of every inode that went away. */
  onDropped(listener: (number: number) => void): void {
    this.droppedListeners.add(listener)
  }

  /** The first part of a write, cut where writes tear: somewhere within it. */
  private tear(write: DirtyWrite, choose: (n: number) => number): Uint8Array {
    const first = this.tearBytes - (write.offset % this.tearBytes)
    const cuts = Math.ceil((write.bytes.length - first) / this.tearBytes)
    return cuts <= 0 ? write.bytes : write.bytes.subarray(0, first + choose(cuts) * this.tearBytes)
  }

  private commit(upTo: number): void {
    const later = this.journal.findIndex(({ sequence }) => sequence > upTo)
    const count = later < 0 ? this.journal.length : later
    for (const { atMs, changes, sequence } of this.journal.splice(0, count)) {
      for (const change of changes) this.durable.apply(change, atMs)
      this.committed = sequence
    }
  }

  private makeSafe(write: DirtyWrite): void {
    this.durable.write(write.number, write.offset, write.bytes, write.atMs)
  }

  private writeBack(): void {
    const oldest = this.dirty.splice(0, Math.ceil(this.dirty.length / 2))
    this.commit(Math.max(0, ...oldest.slice(-1).map(({ needs }) => needs)))
    for (const write of oldest) {
      if (write.needs > this.committed) this.commit(write.needs)
      this.makeSafe(write)
      this.dirtyBytes -= write.bytes.length
    }
  }

  /** What the cache held beyond the new end is dropped from it; later writes get their blocks by this transaction. */
  private resized(number: number, size: number, sequence: number): void {
    this.sizedBy.set(number, sequence)
    if (!this.dirty.some((write) => write.number === number && write.offset + write.bytes.length > size)) return
    this.dirty = this.dirty.flatMap((write) => {
      if (write.number !== number) return [write]
      const bytes = write.bytes.subarray(0, Math.max(0, size - write.offset))
      return bytes.length === 0 ? [] : [{ ...write, bytes }]
    })
    this.dirtyBytes = this.dirty.reduce((sum, write) => sum + write.bytes.length, 0)
  }

  private tell(change: Change): void {
    if (change._tag === "link" || change._tag === "unlink") {
      for (const listener of this.listeners) {
        listener({ kind: "rename", directory: change.directory, name: change.name })
      }
    } else if (change._tag !== "create") {
      this.tellOf(change.number)
    }
  }

  private tellOf(number: number): void {
    if (this.listeners.size === 0) return
    for (const directory of this.live.directories()) {
      for (const [name, entry] of directory.entries) {
        if (entry !== number) continue
        for (const listener of this.listeners) listener({ kind: "change", directory: directory.number, name })
      }
    }
  }
}
