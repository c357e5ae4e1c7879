/**
 * The system calls on a volume, in the name of somebody: each one atomic, each one failing with the code that Linux
 * gives. They throw `Errno`; whoever calls them (SimFileSystem) makes an error of it that names the call.
 */
import { Errno } from "./Errno.ts"
import type { FileHandle, HandleTable } from "./HandleTable.ts"
import type { Change, DirectoryInode, Inode } from "./Image.ts"
import { type Credentials, demand, normalize, parentOf, permission, type Place, walk } from "./PathWalk.ts"
import type { Volume } from "./Volume.ts"

export interface OpenMode {
  readonly read: boolean
  readonly write: boolean
  readonly append: boolean
  readonly create: boolean
  readonly exclusive: boolean
  readonly truncate: boolean
  readonly noFollow: boolean
}

/** Flags that are not named are off. */
export const openMode = (flags: Partial<OpenMode>): OpenMode => ({
  read: false,
  write: false,
  append: false,
  create: false,
  exclusive: false,
  truncate: false,
  noFollow: false,
  ...flags
})

const reading = openMode({ read: true })
const writing = openMode({ write: true, create: true })

const sticky = 0o1000
const permissions = 0o7777

export interface SystemCallsOptions {
  readonly volume: Volume
  readonly handles: HandleTable
  readonly credentials: Credentials
  readonly umask: number
  /** Absolute. */
  readonly workingDirectory: string
  /** Wall clock, milliseconds since 1970. */
  readonly nowMs: () => number
}

export class SystemCalls {
  private readonly options: SystemCallsOptions

  constructor(options: SystemCallsOptions) {
    this.options = options
  }

  // Open files ----------------------------------------------------------------------------------------------------------

  open(path: string, how: OpenMode, mode: number): FileHandle {
    this.options.handles.demandRoom()
    const inode = this.openExisting(path, how) ?? this.openNew(path, mode)
    if (inode.kind === "SymbolicLink") throw new Errno({ code: "ELOOP" })
    return this.options.handles.add({ inode, path, read: how.read, write: how.write, append: how.append })
  }

  /** `undefined` when there is none and it may be made. */
  private openExisting(path: string, how: OpenMode): Inode | undefined {
    // With a slash at the end no file can be made, whatever is there.
    const refused = how.create && path.endsWith("/")
    const follow = !how.noFollow && !(how.create && how.exclusive) && !refused
    const { inode, slash } = this.walk(refused ? withoutSlash(path) : path, follow)
    if (refused) throw new Errno({ code: "EISDIR" })
    if (inode === undefined) {
      if (!how.create) throw new Errno({ code: "ENOENT" })
      if (slash) throw new Errno({ code: "EISDIR" })
      return undefined
    }
    if (how.create && how.exclusive) throw new Errno({ code: "EEXIST" })
    if (inode.kind === "SymbolicLink") return inode
    if (inode.kind === "Directory" && (how.write || how.create)) throw new Errno({ code: "EISDIR" })
    const bits = (how.read ? permission.read : 0) | (how.write ? permission.write : 0)
    demand(this.options.credentials, inode, bits)
    if (how.truncate && inode.kind === "File") this.resize(inode.number, 0)
    return inode
  }

  private openNew(path: string, mode: number): Inode {
    return this.create(this.walk(path, true), { kind: "File", mode: mode & ~this.options.umask })
  }

  /** As libuv copies: with mode and times; one that ends early takes the target away, even if that was there before. */
  copyFile(from: string, to: string): void {
    const source = this.open(from, reading, 0)
    try {
      const target = this.open(to, writing, source.inode.attributes.mode)
      try {
        if (target.inode !== source.inode) this.copyBytes(source, target)
      } catch (cause) {
        this.tryUnlink(to)
        throw cause
      } finally {
        this.close(target)
      }
    } finally {
      this.close(source)
    }
  }

  private copyBytes(source: FileHandle, target: FileHandle): void {
    const { number } = target.inode
    const { atimeMs, mode, mtimeMs } = source.inode.attributes
    this.resize(number, 0)
    this.demandOwner(target.inode)
    this.change({ _tag: "attributes", number, attributes: { mode } })
    const bytes = this.read(source, 0, Number.MAX_SAFE_INTEGER)
    for (let at = 0; at < bytes.length;) at += this.write(target, at, bytes.subarray(at))
    this.change({ _tag: "attributes", number, attributes: { atimeMs, mtimeMs } })
  }

  private tryUnlink(path: string): void {
    try {
      this.unlink(path)
    } catch (cause) {
      if (!(cause instanceof Errno)) throw cause
    }
  }

  close(handle: FileHandle): void {
    this.options.handles.remove(handle)
  }

  read(handle: FileHandle, offset: number, length: number): Uint8Array<ArrayBuffer> {
    const inode = this.openFile(handle)
    if (!handle.read) throw new Errno({ code: "EBADF" })
    if (inode.kind !== "File") throw new Errno({ code: "EISDIR" })
    return inode.data.read(offset, length)
  }

  /** At `offset`, or at the end of a file opened to append. Gives how many bytes were written. */
  write(handle: FileHandle, offset: number, bytes: Uint8Array): number {
    const inode = this.openFile(handle)
    if (!handle.write || inode.kind !== "File") throw new Errno({ code: "EBADF" })
    const start = handle.append ? inode.data.size : offset
    return this.options.volume.write(inode.number, start, bytes, this.options.nowMs())
  }

  truncate(handle: FileHandle, size: number): void {
    const inode = this.openFile(handle)
    if (!handle.write || inode.kind !== "File") throw new Errno({ code: "EINVAL" })
    this.resize(inode.number, size)
  }

  sync(handle: FileHandle): void {
    this.options.volume.sync(this.openFile(handle).number)
  }

  statOpen(handle: FileHandle): Inode {
    return this.openFile(handle)
  }

  /** A system that says that it could not sync counts the bytes as clean: the next sync does not write them. */
  failSync(handle: FileHandle): void {
    this.options.volume.forget(handle.inode.number)
  }

  private openFile(handle: FileHandle): Inode {
    if (!this.options.handles.has(handle)) throw new Errno({ code: "EBADF" })
    return handle.inode
  }

  // Names ---------------------------------------------------------------------------------------------------------------

  stat(path: string): Inode {
    return existing(this.walk(path, true))
  }

  lstat(path: string): Inode {
    return existing(this.walk(path, false))
  }

  access(path: string, bits: number): void {
    demand(this.options.credentials, this.stat(path), bits)
  }

  readLink(path: string): string {
    const inode = this.lstat(path)
    if (inode.kind !== "SymbolicLink") throw new Errno({ code: "EINVAL" })
    return inode.target
  }

  /** In the order of their bytes, in which Node gives them. */
  list(path: string): ReadonlyArray<{ readonly name: string; readonly kind: Inode["kind"] }> {
    this.options.handles.demandRoom()
    const directory = this.stat(path)
    if (directory.kind !== "Directory") throw new Errno({ code: "ENOTDIR" })
    demand(this.options.credentials, directory, permission.read)
    return Array.from(directory.entries)
      .flatMap(([name, number]) => {
        const inode = this.options.volume.live.get(number)
        return inode === undefined ? [] : [{ name, kind: inode.kind }]
      })
      .toSorted((a, b) => compareBytes(a.name, b.name))
  }

  makeDirectory(path: string, mode: number): void {
    const place = this.walk(withoutSlash(path), false)
    if (place.inode !== undefined) throw new Errno({ code: "EEXIST" })
    this.create(place, { kind: "Directory", mode: mode & 0o1777 & ~this.options.umask })
  }

  /** With all that is missing on the way. */
  makeDirectories(path: string, mode: number, isAncestor = false, parentMade = false): void {
    try {
      this.makeDirectory(path, mode)
    } catch (cause) {
      if (!(cause instanceof Errno)) throw cause
      if (cause.code === "EEXIST") {
        if (this.isDirectory(path)) return
        // What Node says of a link to nothing differs from what it says of a file.
        if (!isAncestor) this.stat(path)
        throw isAncestor ? new Errno({ code: "ENOTDIR" }) : cause
      }
      const parent = parentOf(path)
      if (cause.code !== "ENOENT" || parent === path || path === "" || parentMade) throw cause
      this.makeDirectories(parent, mode, true)
      this.makeDirectories(path, mode, isAncestor, true)
    }
  }

  isDirectory(path: string): boolean {
    try {
      return this.stat(path).kind === "Directory"
    } catch (cause) {
      if (cause instanceof Errno) return false
      throw cause
    }
  }

  /** Of an absolute path without `.` and `..`. */
  realPath(path: string): string {
    let real = ""
    const todo = path.split("/").filter((name) => name !== "")
    for (let name = todo.shift(); name !== undefined; name = todo.shift()) {
      const inode = this.lstat(`${real}/${name}`)
      if (inode.kind === "SymbolicLink") {
        this.demandTarget(`${real}/${name}`)
        todo.unshift(
          ...normalize(real, inode.target)
            .split("/")
            .filter((each) => each !== "")
        )
        real = ""
      } else {
        real = `${real}/${name}`
      }
    }
    return real === "" ? "/" : real
  }

  /** Node asks for the target by another call than for the link. */
  private demandTarget(path: string): void {
    try {
      this.stat(path)
    } catch (cause) {
      throw cause instanceof Errno ? new Errno({ code: cause.code, syscall: "stat" }) : cause
    }
  }

  symlink(target: string, path: string): void {
    if (target === "") throw new Errno({ code: "ENOENT" })
    if (target.length > 4_095) throw new Errno({ code: "ENAMETOOLONG" })
    const place = this.newName(path)
    this.create(place, { kind: "SymbolicLink", mode: 0o777, target })
  }

  link(from: string, to: string): void {
    const inode = this.lstat(from)
    const place = this.newName(to)
    if (inode.kind === "Directory") throw new Errno({ code: "EPERM" })
    demand(this.options.credentials, place.directory, permission.write | permission.search)
    this.change({ _tag: "link", directory: place.directory.number, name: place.name, number: inode.number })
  }

  unlink(path: string): void {
    const place = this.walk(path, false)
    const inode = existing(place)
    if (inode.kind !== "Directory") this.demandRemoval(place, inode)
    if (inode.kind === "Directory") throw new Errno({ code: "EISDIR" })
    this.change({ _tag: "unlink", directory: place.directory.number, name: place.name })
  }

  removeDirectory(path: string): void {
    // A link to a directory is none, whether a slash follows it or not.
    const place = this.walk(withoutSlash(path), false)
    const inode = existing(place)
    if (place.name === ".") throw new Errno({ code: inode === this.options.volume.live.root ? "EBUSY" : "EINVAL" })
    if (place.name === "..") throw new Errno({ code: "ENOTEMPTY" })
    this.demandRemoval(place, inode)
    if (inode.kind !== "Directory") throw new Errno({ code: "ENOTDIR" })
    if (inode.entries.size > 0) throw new Errno({ code: "ENOTEMPTY" })
    this.change({ _tag: "unlink", directory: place.directory.number, name: place.name })
  }

  /** Atomic, over whatever is there. */
  rename(from: string, to: string): void {
    const old = this.walk(withoutSlash(from), false)
    const place = this.walk(withoutSlash(to), false)
    for (const { name } of [old, place]) if (name === "." || name === "..") throw new Errno({ code: "EBUSY" })
    const inode = existing(old)
    const replaced = place.inode
    const asDirectory = from.endsWith("/") || to.endsWith("/")
    if (inode.kind !== "Directory" && asDirectory) throw new Errno({ code: "ENOTDIR" })
    if (inode.kind === "Directory" && this.isWithin(place.directory, inode)) throw new Errno({ code: "EINVAL" })
    if (replaced?.kind === "Directory" && this.isWithin(old.directory, replaced)) {
      throw new Errno({ code: "ENOTEMPTY" })
    }
    if (inode === replaced) return
    this.demandRemoval(old, inode)
    if (replaced === undefined) {
      demand(this.options.credentials, place.directory, permission.write | permission.search)
    } else {
      this.demandRemoval(place, replaced)
      if (inode.kind === "Directory" && replaced.kind !== "Directory") throw new Errno({ code: "ENOTDIR" })
      if (inode.kind !== "Directory" && replaced.kind === "Directory") throw new Errno({ code: "EISDIR" })
      if (replaced.kind === "Directory" && replaced.entries.size > 0) throw new Errno({ code: "ENOTEMPTY" })
    }
    // Moving a directory elsewhere changes its own entry for its parent.
    if (inode.kind === "Directory" && old.directory !== place.directory) {
      demand(this.options.credentials, inode, permission.write)
    }
    this.change(
      { _tag: "link", directory: place.directory.number, name: place.name, number: inode.number },
      { _tag: "unlink", directory: old.directory.number, name: old.name }
    )
  }

  // Attributes ----------------------------------------------------------------------------------------------------------

  chmod(path: string, mode: number): void {
    const inode = this.stat(path)
    this.demandOwner(inode)
    this.change({ _tag: "attributes", number: inode.number, attributes: { mode: mode & permissions } })
  }

  /** -1 leaves as it is. Only the superuser gives files away. */
  chown(path: string, uid: number, gid: number): void {
    const inode = this.stat(path)
    const { credentials } = this.options
    const newUid = uid === -1 ? inode.attributes.uid : uid
    const newGid = gid === -1 ? inode.attributes.gid : gid
    const own = inode.attributes.uid === credentials.uid && newUid === credentials.uid && newGid === credentials.gid
    const nothing = uid === -1 && gid === -1
    if (credentials.uid !== 0 && !own && !nothing) throw new Errno({ code: "EPERM" })
    this.change({ _tag: "attributes", number: inode.number, attributes: { uid: newUid, gid: newGid } })
  }

  setTimes(path: string, atimeMs: number, mtimeMs: number): void {
    const inode = this.stat(path)
    this.demandOwner(inode)
    this.change({ _tag: "attributes", number: inode.number, attributes: { atimeMs, mtimeMs } })
  }

  // Helpers -------------------------------------------------------------------------------------------------------------

  private walk(path: string, follow: boolean): Place {
    const { credentials, volume, workingDirectory } = this.options
    return walk(path, { image: volume.live, credentials, directory: workingDirectory, follow })
  }

  /** Where a name is to be made that is not there yet, and is no directory. */
  private newName(path: string): Place {
    const place = this.walk(withoutSlash(path), false)
    if (place.inode !== undefined) throw new Errno({ code: "EEXIST" })
    if (path.endsWith("/")) throw new Errno({ code: "ENOENT" })
    return place
  }

  private create(
    place: Place,
    what: { readonly kind: Inode["kind"]; readonly mode: number; readonly target?: string }
  ): Inode {
    const { credentials, volume } = this.options
    const directory = place.directory.number
    demand(credentials, place.directory, permission.write | permission.search)
    const number = volume.newNumber()
    this.change(
      { _tag: "create", number, ...what, mode: what.mode & permissions, uid: credentials.uid, gid: credentials.gid },
      { _tag: "link", directory, name: place.name, number }
    )
    return existing({ ...place, inode: volume.live.get(number) })
  }

  private resize(number: number, size: number): void {
    if (!this.options.volume.hasRoom(number, size)) throw new Errno({ code: "ENOSPC" })
    this.change({ _tag: "resize", number, size })
  }

  private change(...changes: ReadonlyArray<Change>): void {
    this.options.volume.transact(this.options.nowMs(), changes)
  }

  private demandOwner(inode: Inode): void {
    const { uid } = this.options.credentials
    if (uid !== 0 && uid !== inode.attributes.uid) throw new Errno({ code: "EPERM" })
  }

  private demandRemoval(place: Place, inode: Inode): void {
    const { credentials } = this.options
    demand(credentials, place.directory, permission.write | permission.search)
    const owners = [place.directory.attributes.uid, inode.attributes.uid, 0]
    if ((place.directory.attributes.mode & sticky) !== 0 && !owners.includes(credentials.uid)) {
      throw new Errno({ code: "EPERM" })
    }
  }

  private isWithin(directory: DirectoryInode, ancestor: DirectoryInode): boolean {
    const { live } = this.options.volume
    for (let at = directory; ;) {
      if (at === ancestor) return true
      const parent = live.get(at.parent)
      if (at === live.root || parent?.kind !== "Directory") return false
      at = parent
    }
  }
}

const withoutSlash = (path: string): string => path.replace(/(?<=[^/])\/+$/, "")

const existing = (place: Place): Inode => {
  if (place.inode === undefined) throw new Errno({ code: "ENOENT" })
  return place.inode
}

const encoder = new TextEncoder()

const compareBytes = (a: string, b: string): number => {
  const left = encoder.encode(a)
  const right = encoder.encode(b)
  const at = left.findIndex((byte, i) => byte !== right[i])
  return at < 0 ? left.length - right.length : (left[at] ?? 0) - (right[at] ?? -1)
}
