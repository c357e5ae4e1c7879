/**
 * `node tools/tidy.ts`: the house rules over all files of the repository. Prints each finding as
 * `file:line:column rule: what, use what instead`, and ends with status 1 if there are any.
 */
import { execFileSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs"
import { join, sep } from "node:path"
import { fileURLToPath } from "node:url"
import { formatFinding } from "./tidy/Finding.ts"
import { tidy } from "./tidy/Tidy.ts"

const root = fileURLToPath(new URL("..", import.meta.url))

/** What git tracks or would track; all but the usual where there is no git, as in an unpacked archive. */
const listFiles = (): ReadonlyArray<string> => {
  if (existsSync(join(root, ".git"))) {
    const list = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
      cwd: root,
      encoding: "utf8"
    })
    return list.split("\0").filter((path) => path !== "" && isFile(path))
  }
  const skipped = new Set(["node_modules", "dist", "coverage", ".git"])
  return readdirSync(root, { recursive: true, encoding: "utf8" })
    .map((path) => path.split(sep).join("/"))
    .filter((path) => !path.split("/").some((part) => skipped.has(part)) && isFile(path))
}

/** Not so for one that was deleted and is still in the index, nor for a directory. */
const isFile = (path: string): boolean => statSync(join(root, path), { throwIfNoEntry: false })?.isFile() === true

const files = listFiles().flatMap((path) => {
  const bytes = readFileSync(join(root, path))
  return bytes.includes(0) ? [] : [{ path, text: bytes.toString("utf8") }]
})
const findings = tidy(files)
for (const finding of findings) console.log(formatFinding(finding))
console.log(`tidy: ${files.length} files, ${findings.length} findings`)
if (findings.length > 0) process.exitCode = 1
