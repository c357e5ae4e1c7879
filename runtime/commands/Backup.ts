/** `muster backup FILE` and `muster restore FILE`. Exit status 2 when refused, 1 when it failed. */
import { Console, Effect } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import * as Backup from "../backup/Backup.ts"
import type { Counts } from "../backup/CopyRows.ts"
import { nameOf } from "../backup/DatabaseAt.ts"
import * as Restore from "../backup/Restore.ts"
import { counted } from "../Counted.ts"
import * as NodeSecureFiles from "../NodeSecureFiles.ts"
import { printable } from "../Printable.ts"
import { configFlag, configOf, ended } from "./DatabaseOf.ts"

/** A name and no path that exists: neither of the two asks for a file of the right kind. */
const file = Argument.String("file").pipe(Argument.withDescription("The backup: a SQLite file, whatever the database"))

const files = NodeSecureFiles.layer({ instance: NodeSecureFiles.instances.backup })

const summary = (counts: Counts): string => {
  const of = (table: string, thing: string) => counted(counts[table] ?? 0, thing)
  return [
    of("users", "user"),
    of("api_tokens", "API token"),
    `${counts["activity"] ?? 0} of the activity log`,
    `${of("fleet_nodes", "node")} as last known`
  ].join(", ")
}

export const backup = Command.make(
  "backup",
  {
    file,
    config: configFlag,
    force: Flag.Boolean("force").pipe(Flag.withDefault(false), Flag.withDescription("Replace a file of that name"))
  },
  ({ config, file: name, force }) =>
    Effect.gen(function* () {
      const { database } = yield* configOf(config)
      const { counts, version } = yield* Backup.backup({ url: database.url, file: name, force }).pipe(
        Effect.provide(files),
        Effect.catchTag(["BackupError", "SecureFileError"], (error) => Effect.fail(ended(error)))
      )
      yield* Console.log(`${printable(name)}: ${summary(counts)}; tables of version ${version}`)
    })
).pipe(Command.withDescription("Save the database to a file, while the console runs"))

export const restore = Command.make(
  "restore",
  {
    file,
    config: configFlag,
    force: Flag.Boolean("force").pipe(
      Flag.withDefault(false),
      Flag.withDescription("Replace what is in a database that is not empty")
    )
  },
  ({ config, file: name, force }) =>
    Effect.gen(function* () {
      const { database } = yield* configOf(config)
      const { counts, version } = yield* Restore.restore({ url: database.url, file: name, force }).pipe(
        Effect.provide(files),
        Effect.catchTag(["BackupError", "SecureFileError"], (error) => Effect.fail(ended(error)))
      )
      yield* Console.log(
        `${printable(nameOf(database.url))}: restored ${summary(counts)}, from tables of version ${version}; ` +
          "everybody has to log in again"
      )
    })
).pipe(Command.withDescription("Bring back a backup, while no console runs"))
