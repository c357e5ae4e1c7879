/**
 * `SecureFiles` of the real world: temporary files below the folder that the system has for the run of a program, and
 * lives that are told apart by pid and the moment when that pid was taken.
 */
import { existsSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as NodeCrypto from "@effect/platform-node/NodeCrypto"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Layer, Predicate } from "effect"
import type { FileOwner } from "../core/files/FileOwner.ts"
import type { SecureFileError } from "../core/files/SecureFileError.ts"
import * as SecureFiles from "../core/files/SecureFiles.ts"

/** When the pid was taken, in ticks of the machine; undefined where that cannot be told, or it is free. */
const startOf = (pid: number): string | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1")
    // The name, in parentheses, may hold anything, parentheses included.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]
  } catch {
    return undefined
  }
}

const isTaken = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return Predicate.hasProperty(error, "code") && error.code === "EPERM"
  }
}

const isAlive = (life: string): boolean => {
  const [pid = "", start = ""] = life.split("_")
  if (!/^\d{1,10}$/.test(pid)) return true
  // Without a start to compare, a pid that has come again keeps a file from being swept, and no more.
  return isTaken(Number(pid)) && (start === "" || startOf(Number(pid)) === start)
}

/** This process. */
export const owner: FileOwner = {
  life: `${process.pid}_${startOf(process.pid) ?? ""}`,
  isAlive: (life) => Effect.sync(() => isAlive(life)),
  uid: process.getuid?.()
}

/** A folder of systemd for this unit, of the session, or one of this user among the temporary files of all. */
const defaultFolder = (): string => {
  const { RUNTIME_DIRECTORY: ofUnit, XDG_RUNTIME_DIR: ofSession } = process.env
  if (ofUnit !== undefined && ofUnit !== "") return join(ofUnit.split(":")[0] ?? ofUnit, "files")
  if (ofSession !== undefined && ofSession !== "") return join(ofSession, "muster")
  return join(tmpdir(), `muster-${process.getuid?.() ?? "user"}`)
}

/** What the commands are known by the next time. */
export const instances = { backup: "muster backup", commands: "muster commands" } as const

/** `instance` is what the console, or the command, is known by the next time. */
export const layer = (options: {
  readonly instance: string
  readonly folder?: string
}): Layer.Layer<SecureFiles.SecureFiles, SecureFileError> =>
  Layer.suspend(() =>
    SecureFiles.layer({ folder: options.folder ?? defaultFolder(), instance: options.instance, owner })
  ).pipe(Layer.provide([NodeServices.layer, NodeCrypto.layer]))

/**
 * Removes the temporary files of commands that were killed, where there are any. It makes nothing, and never fails: a
 * folder that is not private is told, and left alone.
 */
export const sweep: Effect.Effect<void> = Effect.suspend(() => {
  const folder = defaultFolder()
  if (!existsSync(folder)) return Effect.void
  return Effect.forEach(
    Object.values(instances),
    (instance) => Effect.scoped(Layer.build(Layer.fresh(layer({ instance, folder })))),
    { discard: true }
  )
}).pipe(
  Effect.catch(({ message }) => Effect.logWarning(`temporary files of killed commands were not looked for: ${message}`))
)
