/** A folder for the files of one test, removed when the scope ends. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, type Scope } from "effect"

export const temporaryFolder: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "muster-test-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true, maxRetries: 3 }))
)

/** A file of that name and text in a folder of its own; gives its path. */
export const temporaryFile = (name: string, text: string): Effect.Effect<string, never, Scope.Scope> =>
  Effect.map(temporaryFolder, (folder) => {
    const path = join(folder, name)
    writeFileSync(path, text)
    return path
  })
