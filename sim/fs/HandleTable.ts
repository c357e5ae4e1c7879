/** The open files of one program. Descriptors are never used again, so that one used after its close is noticed. */
import { Errno } from "./Errno.ts"
import type { Inode } from "./Image.ts"
import type { Volume } from "./Volume.ts"

export interface FileHandle {
  readonly descriptor: number
  readonly inode: Inode
  /** As it was opened. */
  readonly path: string
  readonly read: boolean
  readonly write: boolean
  readonly append: boolean
}

export class HandleTable {
  private readonly handles = new Map<FileHandle, () => void>()
  private readonly volume: Volume
  private readonly handlesMax: number
  private readonly hold: (path: string) => () => void
  private lastDescriptor = 2

  /** `hold` says that a file is open; what it gives says that it is closed. */
  constructor(options: {
    readonly volume: Volume
    readonly handlesMax: number
    readonly hold: (path: string) => () => void
  }) {
    this.volume = options.volume
    this.handlesMax = options.handlesMax
    this.hold = options.hold
  }

  get size(): number {
    return this.handles.size
  }

  has(handle: FileHandle): boolean {
    return this.handles.has(handle)
  }

  demandRoom(): void {
    if (this.handles.size >= this.handlesMax) throw new Errno({ code: "EMFILE" })
  }

  add(file: Omit<FileHandle, "descriptor">): FileHandle {
    const handle = { ...file, descriptor: ++this.lastDescriptor }
    this.handles.set(handle, this.hold(file.path))
    this.volume.opened(file.inode.number)
    return handle
  }

  /** One that is closed already stays so. */
  remove(handle: FileHandle): void {
    const release = this.handles.get(handle)
    if (release === undefined) return
    this.handles.delete(handle)
    release()
    this.volume.closed(handle.inode.number)
  }

  /** The program is gone. What it had open and nobody else names goes with it. */
  clear(): void {
    for (const handle of this.handles.keys()) this.remove(handle)
  }
}
