/** From a path to what it names, as Linux walks it: permission to search, symbolic links, limits on names. */
import { Errno } from "./Errno.ts"
import type { DirectoryInode, Image, Inode } from "./Image.ts"

/** In whose name system calls are made. Supplementary groups are not modelled. */
export interface Credentials {
  readonly uid: number
  readonly gid: number
}

/** Bits of a permission, as in a mode. */
export const permission = { read: 4, write: 2, search: 1 } as const

const limits = { nameBytesMax: 255, pathBytesMax: 4_095, linksMax: 40 } as const

export interface Place {
  /** Where the last name is looked up; the inode itself for `.` and `/`. */
  readonly directory: DirectoryInode
  /** `.` or `..` when the path ends with no name of its own. */
  readonly name: string
  readonly inode: Inode | undefined
  /** The path ends with a slash: it means a directory. */
  readonly slash: boolean
}

export interface WalkOptions {
  readonly image: Image
  readonly credentials: Credentials
  /** Absolute. */
  readonly directory: string
  /** Follow a symbolic link that is the last name. */
  readonly follow: boolean
}

const encoder = new TextEncoder()
const bytesIn = (text: string): number => encoder.encode(text).length

const namesIn = (path: string): Array<string> => path.split("/").filter((name) => name !== "")

/** The superuser may all, but search: that they may here too, since directories always have someone's search bit. */
export const may = (credentials: Credentials, inode: Inode, bits: number): boolean => {
  const { gid, mode, uid } = inode.attributes
  if (credentials.uid === 0) return true
  const shift = credentials.uid === uid ? 6 : credentials.gid === gid ? 3 : 0
  return ((mode >> shift) & bits) === bits
}

export const demand = (credentials: Credentials, inode: Inode, bits: number): void => {
  if (!may(credentials, inode, bits)) throw new Errno({ code: "EACCES" })
}

/** The place of a path. Its inode may be missing, every directory on the way is there. */
export const walk = (path: string, options: WalkOptions): Place => {
  const { credentials, directory, follow, image } = options
  if (path === "") throw new Errno({ code: "ENOENT" })
  if (bytesIn(path) > limits.pathBytesMax) throw new Errno({ code: "ENAMETOOLONG" })
  /** Names still to walk, the next one last. */
  const names = namesIn(path.startsWith("/") ? path : `${directory}/${path}`).toReversed()
  let slash = path.endsWith("/")
  let links = 0
  let at: Inode = image.root
  for (let name = names.pop(); name !== undefined; name = names.pop()) {
    if (at.kind !== "Directory") throw new Errno({ code: "ENOTDIR" })
    demand(credentials, at, permission.search)
    const last = names.length === 0
    if (name === "." || name === "..") {
      if (name === "..") at = directoryAt(image, at.parent)
      if (last) return { directory: at, name, inode: at, slash }
      continue
    }
    if (bytesIn(name) > limits.nameBytesMax) throw new Errno({ code: "ENAMETOOLONG" })
    const number: number | undefined = at.entries.get(name)
    const inode: Inode | undefined = number === undefined ? undefined : image.get(number)
    if (inode === undefined) {
      if (last) return { directory: at, name, inode, slash }
      throw new Errno({ code: "ENOENT" })
    }
    if (inode.kind === "SymbolicLink" && (!last || follow || slash)) {
      if (++links > limits.linksMax) throw new Errno({ code: "ELOOP" })
      if (last && inode.target.endsWith("/")) slash = true
      if (inode.target.startsWith("/")) at = image.root
      names.push(...namesIn(inode.target).toReversed())
      if (names.length === 0) return { directory: image.root, name: ".", inode: image.root, slash }
      continue
    }
    if (last) {
      if (slash && inode.kind !== "Directory") throw new Errno({ code: "ENOTDIR" })
      return { directory: at, name, inode, slash }
    }
    at = inode
  }
  return { directory: image.root, name: ".", inode: image.root, slash }
}

/** Of a directory that was removed while in use, the parent is the root. */
const directoryAt = (image: Image, number: number): DirectoryInode => {
  const inode = image.get(number)
  return inode?.kind === "Directory" ? inode : image.root
}

/** `/a/b` for `/a/./x/../b/`: by the text alone, symbolic links are not looked at. */
export const normalize = (directory: string, path: string): string => {
  const names: Array<string> = []
  for (const name of namesIn(path.startsWith("/") ? path : `${directory}/${path}`)) {
    if (name === "..") names.pop()
    else if (name !== ".") names.push(name)
  }
  return `/${names.join("/")}`
}

/** The path of what a path is in: `/a` for `/a/b`, `.` for `b`. */
export const parentOf = (path: string): string => {
  const trimmed = path.replace(/(?<=.)\/+$/, "")
  const slash = trimmed.lastIndexOf("/")
  return slash < 0 ? "." : slash === 0 ? "/" : trimmed.slice(0, slash)
}
