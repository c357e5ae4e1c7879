/**
 * Where the database is: `sqlite:FILE`, `sqlite::memory:` or `postgres://user:password@host:port/database`.
 */
import { Result } from "effect"

export type DatabaseUrl =
  | { readonly _tag: "Memory" }
  | { readonly _tag: "File"; readonly path: string }
  | { readonly _tag: "Postgres" }

const forms = "sqlite:FILE, sqlite::memory: or postgres://user:password@host:port/database"

/** What the URL says, or the words for what was expected instead. Never quotes it: it may hold a password. */
export const parseDatabaseUrl = (url: string): Result.Result<DatabaseUrl, string> => {
  if (/[\u0000-\u001f\u007f]/.test(url)) return Result.fail(`${forms}, without control characters`)
  if (url.startsWith("sqlite:")) return parseFile(url.slice("sqlite:".length))
  return /^postgres(?:ql)?:\/\//.test(url) ? parsePostgres(url) : Result.fail(forms)
}

const parseFile = (rest: string): Result.Result<DatabaseUrl, string> => {
  if (rest === ":memory:") return Result.succeed({ _tag: "Memory" })
  // Others write an absolute path as sqlite:///path.
  const path = rest.replace(/^\/{3}(?!\/)/, "/")
  if (path === "" || path.startsWith(":") || path.startsWith("//")) {
    return Result.fail("sqlite: with the path of a file, such as sqlite:muster.db or sqlite:/var/lib/muster/muster.db")
  }
  return path.endsWith("/")
    ? Result.fail("sqlite: with the path of a file, not of a folder")
    : Result.succeed({ _tag: "File", path })
}

const parsePostgres = (url: string): Result.Result<DatabaseUrl, string> => {
  const parsed = /\s/.test(url) || !URL.canParse(url) ? undefined : new URL(url)
  if (parsed === undefined || parsed.hostname === "") {
    return Result.fail("postgres:// with a host; what is special in a password is written as %40 for @, %2F for / ...")
  }
  if (parsed.username === "")
    return Result.fail("postgres:// with a user, as in postgres://user:password@host/database")
  return parsed.hash === "" ? Result.succeed({ _tag: "Postgres" }) : Result.fail("postgres:// with # written as %23")
}
