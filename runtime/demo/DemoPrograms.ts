/**
 * The fleet that is shown when there is no configuration: small programs on this machine, run by the Node that runs
 * the console. They are plain JavaScript beside this file, so that they are found in a checkout and in a package.
 */
import { fileURLToPath } from "node:url"
import { Schema } from "effect"
import { type ProgramConfigInput, ProgramConfigs } from "../../core/local/ProgramConfig.ts"

const run = (script: string): ReadonlyArray<string> => [
  process.execPath,
  fileURLToPath(new URL(`./programs/${script}`, import.meta.url))
]

const programs: ReadonlyArray<ProgramConfigInput> = [
  { name: "steady", group: "demo", command: run("steady.js") },
  { name: "ticker", group: "demo", command: run("ticker.js") },
  // Restarted after each crash, with growing waits, and FATAL within seven seconds.
  { name: "crasher", group: "demo", command: run("crasher.js"), autorestart: true },
  { name: "web", group: "demo", command: run("web.js") }
]

/** One that is steady, one that logs, one that crashes until it is FATAL, and one that answers HTTP. */
export const demoPrograms = Schema.decodeSync(ProgramConfigs)(
  programs.map((program) => ({ ...program, stopwaitsecs: 3 }))
)
