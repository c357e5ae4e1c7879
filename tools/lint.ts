/**
 * `npm run lint`: format, general lint with types, floating effects, house rules. All of them run even if one finds
 * something; the last lines say which did.
 */
import { spawnSync } from "node:child_process"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))

const steps: ReadonlyArray<{ readonly name: string; readonly command: string; readonly args: ReadonlyArray<string> }> =
  [
    { name: "format", command: "oxfmt", args: ["--check", "--disable-nested-config", "."] },
    {
      name: "oxlint",
      command: "oxlint",
      args: ["--type-aware", "--deny-warnings", "--report-unused-disable-directives"]
    },
    {
      name: "effect",
      command: "effect-tsgo",
      args: ["diagnostics", "--project", "tsconfig.json", "--format", "text", "--severity", "error,warning", "--strict"]
    },
    { name: "tidy", command: process.execPath, args: ["tools/tidy.ts"] }
  ]

// Also when it is started without npm, the tools and their Node are those of the repository.
const path = [join(root, "node_modules", ".bin"), process.env["PATH"]].join(delimiter)

const failed = steps.filter(({ args, command, name }) => {
  console.log(`\n== ${name}`)
  const { error, status } = spawnSync(command, args, {
    cwd: root,
    env: { ...process.env, PATH: path },
    stdio: "inherit"
  })
  if (error !== undefined) console.error(`cannot run ${command}: ${error.message}`)
  return status !== 0
})
const names = failed.map((step) => step.name).join(", ")
console.log(failed.length === 0 ? "\nlint: all passed" : `\nlint: failed in ${names}`)
if (failed.length > 0) process.exitCode = 1
