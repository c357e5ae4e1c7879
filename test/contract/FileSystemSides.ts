/** The two sides of the contract of the file system: Node's in a temporary folder, and the simulated one. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Effect, type FileSystem, Layer, type Scope } from "effect"
import * as Disk from "../../sim/fs/Disk.ts"
import * as SimFileSystem from "../../sim/fs/SimFileSystem.ts"
import * as Sim from "../../sim/Sim.ts"

export interface Side {
  readonly label: string
  /** Runs the program; a failure or a defect fails the test. */
  readonly run: <A>(program: Effect.Effect<A, unknown, FileSystem.FileSystem | Scope.Scope>) => Promise<A>
}

/** `nobody`, on Linux. As the superuser no permission would be tested, and a wrong path could do harm. */
export const plainUser = { uid: 65_534, gid: 65_534, umask: 0o022 } as const

/** Then the real side is nobody by its effective user only: `access` goes on answering for the superuser. */
export const isSuperuser = process.geteuid?.() === 0

/** The real file system as a plain user: this process becomes one for the time that the program takes. */
export const real: Side = {
  label: "NodeFileSystem",
  run: async (program) => {
    const umask = process.umask(plainUser.umask)
    const gid = process.getegid?.()
    if (isSuperuser) {
      process.setegid?.(plainUser.gid)
      process.seteuid?.(plainUser.uid)
    }
    try {
      return await Effect.runPromise(Effect.scoped(program).pipe(Effect.provide(NodeFileSystem.layer)))
    } finally {
      if (isSuperuser) {
        process.seteuid?.(0)
        if (gid !== undefined) process.setegid?.(gid)
      }
      process.umask(umask)
    }
  }
}

/** Who the real side runs as. */
export const realUser = isSuperuser
  ? plainUser
  : { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, umask: plainUser.umask }

export const simulated: Side = {
  label: "SimFileSystem",
  run: async (program) => {
    const layer = SimFileSystem.layer(realUser).pipe(Layer.provide(Disk.layer({ uid: 0, gid: 0 })))
    const result = Sim.run(Effect.scoped(program).pipe(Effect.provide(layer)))
    if (result.exit?._tag !== "Success") throw new Error(`${result.outcome}: ${result.message}`)
    return result.exit.value
  }
}
