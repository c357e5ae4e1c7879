/** Puts the optional builds that a registry left out back into package-lock.json. See tidy/Lockfile.ts for why. */
import { readFileSync, writeFileSync } from "node:fs"
import { completeLockfile, missingFromLockfile } from "./tidy/Lockfile.ts"

const file = new URL("../package-lock.json", import.meta.url)
const before: unknown = JSON.parse(readFileSync(file, "utf8"))
const after = completeLockfile(before)
const missing = missingFromLockfile(after)
writeFileSync(file, `${JSON.stringify(after, null, 2)}\n`)
console.log(`package-lock.json: ${missingFromLockfile(before).length - missing.length} builds put back`)
for (const each of missing) console.error(`still missing: ${each.name} ${each.version}, needed by ${each.by}`)
if (missing.length > 0) process.exitCode = 1
