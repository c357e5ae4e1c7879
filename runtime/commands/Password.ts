/**
 * `muster password NAME`: a new password straight into the database, for an administrator who is locked out.
 *
 * It ends the sessions of the user. Consoles on a PostgreSQL take it over within seconds. One on a SQLite file would
 * not see it: the command refuses while it runs.
 */
import { randomBytes } from "node:crypto"
import { Console, Effect, Redacted } from "effect"
import { Argument, Command } from "effect/cli"
import { SqlClient } from "effect/sql"
import { refusal } from "../../core/auth/PasswordPolicy.ts"
import { Username } from "../../core/domain/Account.ts"
import { Secrets } from "../../core/Secrets.ts"
import { failed, refused } from "../backup/BackupError.ts"
import { nameOf, openAlone } from "../backup/DatabaseAt.ts"
import { versionIn, versionKnown } from "../backup/Tables.ts"
import { ExitStatus } from "../ExitStatus.ts"
import * as NodeSecrets from "../NodeSecrets.ts"
import { printable } from "../Printable.ts"
import * as SecretInput from "../SecretInput.ts"
import { configFlag, configOf, ended } from "./DatabaseOf.ts"

const name = Argument.String("name").pipe(Argument.withSchema(Username))

const changeIdBytes = 16

interface Change {
  readonly url: Redacted.Redacted
  readonly username: string
  readonly hash: string
}

/** What it did to the user, for a remark. */
const set = Effect.fnUntraced(
  function* ({ hash, url, username }: Change) {
    const sql = yield* openAlone(url, { create: false })
    return yield* sql.withTransaction(
      Effect.gen(function* () {
        const version = yield* Effect.provideService(versionIn(nameOf(url)), SqlClient.SqlClient, sql)
        if (version !== versionKnown) {
          return yield* refused(
            `the tables are of version ${version}: start the console once, which brings them up to date`
          )
        }
        // Consoles that run see by it that they have to read the accounts again.
        const changeId = randomBytes(changeIdBytes).toString("base64url")
        yield* sql`UPDATE accounts_version SET version = version + 1, change_id = ${changeId}`
        const [user] = yield* sql<{ readonly id: string; readonly disabled: number | bigint; readonly role: string }>`
          SELECT id, disabled, role FROM users WHERE username = ${username}`
        if (user === undefined) return yield* refused(`no user is called ${username}`)
        yield* sql`UPDATE users SET password_hash = ${hash} WHERE id = ${user.id}`
        yield* sql`DELETE FROM sessions WHERE user_id = ${user.id}`
        return { isDisabled: Number(user.disabled) !== 0, role: user.role }
      })
    )
  },
  Effect.scoped,
  Effect.mapError(failed("the password stays as it was"))
)

export const password = Command.make("password", { name, config: configFlag }, ({ config, name: username }) =>
  Effect.gen(function* () {
    const { auth, database } = yield* configOf(config)
    const next = yield* SecretInput.read(`New password of ${printable(username)}`, "MUSTER_NEW_PASSWORD")
    const bad = refusal(Redacted.value(next), { username, charactersMin: auth.passwordCharactersMin })
    if (bad !== undefined) return yield* new ExitStatus({ status: 2, message: bad })
    const hash = yield* Effect.flatMap(Secrets, (secrets) => secrets.hashPassword(next))
    const { isDisabled, role } = yield* Effect.mapError(set({ url: database.url, username, hash }), ended)
    const more = isDisabled ? "; the user is disabled, and stays so: an administrator can enable it" : ""
    const where = printable(nameOf(database.url))
    yield* Console.log(`${printable(username)}, ${role}: has a new password, and no session any more${more} (${where})`)
  }).pipe(Effect.provide(NodeSecrets.layer))
).pipe(Command.withDescription("Set a password in the database itself, for who is locked out"))
