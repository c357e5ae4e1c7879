#!/usr/bin/env node
/**
 * Starts the `muster` command on any Node from version 20.
 *
 * In the repository it runs the TypeScript source, in an installed package the build of it. A Node that is too old for
 * either hands over to the one of the `node` package, which is among the dependencies; its output, signals and exit
 * status are those of the command. Plain JavaScript, because an old Node has to read it.
 */
import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import * as modules from "node:module"
import { constants } from "node:os"
import { dirname, join, sep } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { setFlagsFromString } from "node:v8"

/** Effect's HTTP and process modules need it, and it strips types without a flag. */
const nodeVersionMin = "22.19.0"

/** 23 is no long-term release, and its early versions strip no types. */
const isNewEnough = (version) => {
  const [major = 0, minor = 0] = version.split(".").map(Number)
  const [majorMin = 0, minorMin = 0] = nodeVersionMin.split(".").map(Number)
  return major !== 23 && (major > majorMin || (major === majorMin && minor >= minorMin))
}

/** The source where there is one that Node can run: it strips no types below node_modules. */
const entryFile = () => {
  const home = dirname(dirname(fileURLToPath(import.meta.url)))
  const source = join(home, "runtime", "muster.ts")
  const build = join(home, "dist", "runtime", "muster.js")
  if (existsSync(source) && !home.split(sep).includes("node_modules")) return source
  if (existsSync(build)) return build
  throw new Error(`neither ${source} nor ${build} is there: run \`npm run build\`, or install the package again`)
}

/** The Node of the `node` package, if its install script was allowed to put it there. */
const bundledNode = () => {
  try {
    const home = dirname(modules.createRequire(import.meta.url).resolve("node/package.json"))
    const file = join(home, "bin", process.platform === "win32" ? "node.exe" : "node")
    return existsSync(file) ? file : undefined
  } catch {
    return undefined
  }
}

/** Runs this command again under `node` and ends as it ends. */
const handOver = (node) => {
  const child = spawn(node, [...process.execArgv, ...process.argv.slice(1)], {
    stdio: "inherit",
    // It tells the Node that was handed over to, so that a broken install cannot hand over for ever.
    env: { ...process.env, MUSTER_NODE_HANDED_OVER: "1" }
  })
  const signals = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR2"]
  const forward = (signal) => {
    // A terminal sends Ctrl-C to the whole group; the command has it already, and a second one may mean "at once".
    if (signal === "SIGINT" && process.stdin.isTTY === true) return
    child.kill(signal)
  }
  for (const signal of signals) process.on(signal, forward)
  child.on("error", (error) => stop(`cannot run ${node}: ${error.message}`))
  child.on("exit", (code, signal) => {
    for (const name of signals) process.off(name, forward)
    if (signal === null) process.exit(code ?? 1)
    // Whoever waits for this process sees the same signal; the exit is for signals that do not end it.
    process.kill(process.pid, signal)
    setTimeout(() => process.exit(128 + (constants.signals[signal] ?? 0)), 100)
  })
}

/** How soon an end of npm's shell is seen. */
const shellCheckIntervalMs = 200

/**
 * npm (`npx muster`, `npm start`) runs a command in a shell and passes SIGTERM to that shell only, which dies of it
 * and leaves the command behind, holding its port. So when the shell is gone, the command is asked to end as well.
 */
const endWithShell = () => {
  if (process.env.npm_command === undefined) return
  const shell = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === shell) return
    clearInterval(timer)
    process.kill(process.pid, "SIGTERM")
  }, shellCheckIntervalMs)
  timer.unref()
}

/**
 * V8 puts objects of a kind that lasted while the modules were loaded into the old generation at once. Contexts are of
 * that kind, and there is one for each request and each poll: put there, each holds all that belongs to its request or
 * poll until the next full collection, and every small collection has to copy it, which makes a pause of 15 ms of one
 * of 5.
 */
const noPretenuring = "--no-allocation-site-pretenuring"

/**
 * Keeps what V8 made of the modules for the next start, which then takes half the time: in the user's own folder, since
 * nobody else may write what is run. Where that cannot be, nothing is kept.
 */
const keepCompiled = () => {
  const { HOME: home, NODE_COMPILE_CACHE: given, XDG_CACHE_HOME: caches } = process.env
  const folder = caches || (home && join(home, ".cache"))
  if (folder && given === undefined) modules.enableCompileCache?.(join(folder, "muster"))
}

/** Wrong set-up, like wrong usage, is exit status 2. */
const stop = (message) => {
  process.stderr.write(`muster: ${message}\n`)
  process.exit(2)
}

const main = async () => {
  endWithShell()
  if (isNewEnough(process.versions.node)) {
    delete process.env.MUSTER_NODE_HANDED_OVER
    let entry
    try {
      entry = entryFile()
    } catch (error) {
      return stop(error.message)
    }
    setFlagsFromString(noPretenuring)
    keepCompiled()
    await import(pathToFileURL(entry).href)
    return
  }
  const node = process.env.MUSTER_NODE_HANDED_OVER === undefined ? bundledNode() : undefined
  if (node === undefined) {
    return stop(
      `needs Node ${nodeVersionMin} or later, and this is ${process.versions.node}; the \`node\` package that would ` +
        "bring a later one is not installed: run `npm ci`, and let its install script run if npm asks"
    )
  }
  handOver(node)
}

await main()
