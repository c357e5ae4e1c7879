/**
 * The contents of a disk at one moment: inodes by number, and the changes that lead from one moment to the next.
 * A disk has two: what programs see, and what a loss of power would leave. The same changes lead through both.
 */
import { FileData } from "./FileData.ts"

export interface Attributes {
  /** Permission bits, with set-id and sticky: at most 0o7777. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly atimeMs: number
  readonly mtimeMs: number
}

interface Common {
  readonly number: number
  readonly birthtimeMs: number
  attributes: Attributes
  /** Entries of directories that name it. */
  links: number
}

export interface FileInode extends Common {
  readonly kind: "File"
  readonly data: FileData
}

export interface DirectoryInode extends Common {
  readonly kind: "Directory"
  readonly entries: Map<string, number>
  parent: number
}

export interface SymlinkInode extends Common {
  readonly kind: "SymbolicLink"
  readonly target: string
}

export type Inode = FileInode | DirectoryInode | SymlinkInode

/** A change of metadata. What it names and is not there (any more) it leaves alone. */
export type Change =
  | {
      readonly _tag: "create"
      readonly number: number
      readonly kind: Inode["kind"]
      readonly mode: number
      readonly uid: number
      readonly gid: number
      /** Of a symbolic link. */
      readonly target?: string
    }
  /** An entry; one of that name makes room. */
  | { readonly _tag: "link"; readonly directory: number; readonly name: string; readonly number: number }
  | { readonly _tag: "unlink"; readonly directory: number; readonly name: string }
  | { readonly _tag: "resize"; readonly number: number; readonly size: number }
  | { readonly _tag: "attributes"; readonly number: number; readonly attributes: Partial<Attributes> }

export const rootNumber = 2

export class Image {
  /** Bytes of all files. */
  usedBytes = 0
  readonly root: DirectoryInode
  private readonly inodes = new Map<number, Inode>()
  private readonly isOpen: (number: number) => boolean
  private readonly onDropped: (number: number) => void

  /** An inode that no entry names goes away, unless it is open. */
  constructor(options: {
    readonly root: Attributes
    readonly isOpen?: (number: number) => boolean
    readonly onDropped?: (number: number) => void
  }) {
    this.isOpen = options.isOpen ?? (() => false)
    this.onDropped = options.onDropped ?? (() => {})
    this.root = {
      kind: "Directory",
      number: rootNumber,
      birthtimeMs: options.root.mtimeMs,
      attributes: options.root,
      links: 1,
      entries: new Map(),
      parent: rootNumber
    }
    this.inodes.set(rootNumber, this.root)
  }

  get(number: number): Inode | undefined {
    return this.inodes.get(number)
  }

  directories(): ReadonlyArray<DirectoryInode> {
    return [...this.inodes.values()].filter((inode) => inode.kind === "Directory")
  }

  /** Takes over the contents of another. */
  restore(other: Image): void {
    this.inodes.clear()
    this.root.entries.clear()
    this.root.attributes = other.root.attributes
    for (const [name, number] of other.root.entries) this.root.entries.set(name, number)
    for (const inode of other.inodes.values()) {
      this.inodes.set(inode.number, inode.number === rootNumber ? this.root : copyOf(inode))
    }
    this.usedBytes = other.usedBytes
  }

  apply(change: Change, atMs: number): void {
    switch (change._tag) {
      case "create":
        this.inodes.set(change.number, newInode(change, atMs))
        return
      case "link":
        return this.link(change, atMs)
      case "unlink":
        return this.unlink(change, atMs)
      case "resize": {
        const inode = this.inodes.get(change.number)
        if (inode?.kind !== "File") return
        this.usedBytes += change.size - inode.data.size
        inode.data.resize(change.size)
        inode.attributes = { ...inode.attributes, mtimeMs: atMs }
        return
      }
      case "attributes": {
        const inode = this.inodes.get(change.number)
        if (inode !== undefined) inode.attributes = { ...inode.attributes, ...change.attributes }
      }
    }
  }

  write(number: number, offset: number, bytes: Uint8Array, atMs: number): void {
    const inode = this.inodes.get(number)
    if (inode?.kind !== "File") return
    const before = inode.data.size
    inode.data.write(offset, bytes)
    this.usedBytes += inode.data.size - before
    inode.attributes = { ...inode.attributes, mtimeMs: atMs }
  }

  /** Goes away if nothing names it and nobody has it open. */
  drop(number: number): void {
    const inode = this.inodes.get(number)
    if (inode === undefined || inode.links > 0 || this.isOpen(number)) return
    this.inodes.delete(number)
    if (inode.kind === "File") this.usedBytes -= inode.data.size
    this.onDropped(number)
  }

  private link(change: Extract<Change, { _tag: "link" }>, atMs: number): void {
    const directory = this.inodes.get(change.directory)
    const inode = this.inodes.get(change.number)
    if (directory?.kind !== "Directory" || inode === undefined) return
    inode.links++
    if (inode.kind === "Directory") inode.parent = change.directory
    const replaced = directory.entries.get(change.name)
    directory.entries.set(change.name, change.number)
    touch(directory, atMs)
    if (replaced !== undefined) this.release(replaced)
  }

  private unlink(change: Extract<Change, { _tag: "unlink" }>, atMs: number): void {
    const directory = this.inodes.get(change.directory)
    if (directory?.kind !== "Directory") return
    const number = directory.entries.get(change.name)
    directory.entries.delete(change.name)
    touch(directory, atMs)
    if (number !== undefined) this.release(number)
  }

  private release(number: number): void {
    const inode = this.inodes.get(number)
    if (inode === undefined) return
    inode.links--
    this.drop(number)
  }
}

const touch = (directory: DirectoryInode, atMs: number): void => {
  directory.attributes = { ...directory.attributes, mtimeMs: atMs }
}

const newInode = (change: Extract<Change, { _tag: "create" }>, atMs: number): Inode => {
  const { gid, kind, mode, number, target = "", uid } = change
  const common: Common = {
    number,
    birthtimeMs: atMs,
    attributes: { mode, uid, gid, atimeMs: atMs, mtimeMs: atMs },
    links: 0
  }
  if (kind === "File") return { ...common, kind, data: new FileData() }
  if (kind === "SymbolicLink") return { ...common, kind, target }
  return { ...common, kind, entries: new Map(), parent: rootNumber }
}

const copyOf = (inode: Inode): Inode => {
  if (inode.kind === "File") return { ...inode, data: inode.data.copy() }
  if (inode.kind === "Directory") return { ...inode, entries: new Map(inode.entries) }
  return { ...inode }
}
