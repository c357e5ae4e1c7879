/** The program that uses a disk, as the parts of its file system know it. */
import type { Path } from "effect"
import type { RunContext } from "../RunContext.ts"
import type { Disk } from "./Disk.ts"
import type { Perform } from "./Perform.ts"
import type { SystemCalls } from "./SystemCalls.ts"

/** Who the program is, and what it has. */
export interface ProgramOptions {
  /** Default 1000. 0 is the superuser, whom no permission stops. */
  readonly uid: number
  readonly gid: number
  /** Bits that new files and directories do not get. Default 0o022. */
  readonly umask: number
  /** Absolute; for relative paths. Default `/`. */
  readonly workingDirectory: string
  /** Default `/tmp`. */
  readonly temporaryDirectory: string
  /** Files open at the same time. Default 1024. */
  readonly openFilesMax: number
}

/** What the parts of the file system share. */
export interface Program {
  readonly options: ProgramOptions
  readonly calls: SystemCalls
  readonly perform: Perform
  readonly disk: Disk["Service"]
  readonly context: RunContext["Service"]
  readonly path: Path.Path
}
