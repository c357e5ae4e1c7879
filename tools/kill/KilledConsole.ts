/** A console in a process of its own that is to be killed, and what it leaves behind. */
import { type ChildProcess, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { type Mark, marked, newMark, signal } from "../../runtime/real/MarkedProcesses.ts"

const launcher = fileURLToPath(new URL("../../bin/muster.js", import.meta.url))

const startMsMax = 180_000
const endMsMax = 30_000

/** This process's environment without what would configure a console. */
const environment = () =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("MUSTER_")))

export interface Console {
  readonly url: string
  /** In the environment of all that it has started. */
  readonly mark: Mark
  readonly output: () => string
  /** Sends the signal and waits for the end. */
  readonly end: (signal: "SIGKILL" | "SIGTERM") => Promise<number | null>
}

/** Starts `muster serve` in this folder and waits until it says where it is. */
export const start = async (folder: string, env: Readonly<Record<string, string>>): Promise<Console> => {
  const mark = newMark()
  const child = spawn(process.execPath, [launcher, "serve", "--config", "muster.toml"], {
    cwd: folder,
    env: { ...environment(), ...mark, ...env },
    stdio: ["ignore", "pipe", "pipe"]
  })
  let output = ""
  const ended = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)))
  const url = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no start within ${startMsMax} ms\n${output}`)), startMsMax)
    const take = (piece: unknown) => {
      output += String(piece)
      const found = / at (http:\/\/[^\s"]+)"/.exec(output)?.[1]
      if (found !== undefined) {
        clearTimeout(timer)
        resolve(found)
      }
    }
    child.stdout.on("data", take)
    child.stderr.on("data", take)
    child.once("exit", (code) => {
      clearTimeout(timer)
      reject(new Error(`the console ended with ${code} at its start\n${output}`))
    })
  }).catch((error: unknown) => {
    child.kill("SIGKILL")
    for (const pid of marked(mark)) signal(pid, "SIGKILL")
    throw error
  })
  return { url, mark, output: () => output, end: (name) => end(child, ended, name) }
}

const end = async (child: ChildProcess, ended: Promise<number | null>, name: "SIGKILL" | "SIGTERM") => {
  child.kill(name)
  const timer = setTimeout(() => child.kill("SIGKILL"), endMsMax)
  const code = await ended
  clearTimeout(timer)
  return code
}
