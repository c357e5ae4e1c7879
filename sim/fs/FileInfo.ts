/** What `stat` says of an inode. */
import { ByteSize, DateTime, type FileSystem, Option } from "effect"
import type { Inode } from "./Image.ts"

const typeBits = { File: 0o100000, Directory: 0o040000, SymbolicLink: 0o120000 } as const
const blockBytes = 4_096
const sectorBytes = 512

export const fileInfo = (inode: Inode): FileSystem.File.Info => {
  const { atimeMs, gid, mode, mtimeMs, uid } = inode.attributes
  const size = sizeOf(inode)
  const blocks = inode.kind === "SymbolicLink" ? 0 : Math.ceil(size / blockBytes)
  return {
    type: inode.kind,
    mtime: date(mtimeMs),
    atime: date(atimeMs),
    birthtime: date(inode.birthtimeMs),
    dev: 1n,
    rdev: Option.some(0n),
    ino: Option.some(BigInt(inode.number)),
    mode: typeBits[inode.kind] | mode,
    nlink: Option.some(BigInt(inode.links + (inode.kind === "Directory" ? 1 : 0))),
    uid: Option.some(uid),
    gid: Option.some(gid),
    size: ByteSize.bytes(size),
    blksize: Option.some(ByteSize.bytes(blockBytes)),
    blocks: Option.some(BigInt((blocks * blockBytes) / sectorBytes))
  }
}

const encoder = new TextEncoder()

const sizeOf = (inode: Inode): number => {
  if (inode.kind === "File") return inode.data.size
  return inode.kind === "SymbolicLink" ? encoder.encode(inode.target).length : blockBytes
}

const date = (ms: number) => Option.some(DateTime.toDateUtc(DateTime.makeUnsafe(ms)))
