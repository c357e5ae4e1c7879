import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { parseDatabaseUrl } from "../../../core/storage/DatabaseUrl.ts"

const accepted: ReadonlyArray<readonly [string, string]> = [
  ["sqlite::memory:", "Memory"],
  ["sqlite:muster.db", "File muster.db"],
  ["sqlite:./data/my file.db", "File ./data/my file.db"],
  ["sqlite:/var/lib/muster.db", "File /var/lib/muster.db"],
  ["sqlite:///var/lib/muster.db", "File /var/lib/muster.db"],
  ["postgres://muster:hunter2@db:5432/muster", "Postgres"],
  ["postgresql://muster@[::1]/muster?sslmode=require", "Postgres"],
  ["postgres://muster@localhost/muster?host=/run/postgresql", "Postgres"]
]

const refused = [
  "",
  "muster.db",
  "sqlite:",
  "sqlite:data/",
  "sqlite://muster.db",
  "sqlite::hunter2:",
  "sqlite:hunter2\u0000.db",
  "mysql://root:hunter2@db/muster",
  "postgres://db/hunter2",
  "postgres://muster:hunter2@",
  "postgres://muster:hunter2#x@db/muster",
  "postgres://muster:hunter2@db/muster\nx",
  "postgres://muster:hunter2@db:99999/muster"
]

describe("the URL of the database", () => {
  it.each(accepted)("is taken as %s", (url, expected) => {
    const found = Result.getOrThrow(parseDatabaseUrl(url))
    assert.strictEqual(found._tag === "File" ? `File ${found.path}` : found._tag, expected)
  })

  it.each(refused)("is refused without a word of it: %j", (url) => {
    const found = parseDatabaseUrl(url)
    assert.isTrue(Result.isFailure(found))
    if (Result.isFailure(found)) assert.notInclude(found.failure, "hunter2")
  })
})
