/**
 * The commands of `muster`. Each is loaded when it is asked for: the simulator and the console are large, and whoever
 * asks a console that runs needs neither.
 */
import { Command } from "effect/cli"

const loaders = {
  serve: async () => (await import("./commands/Serve.ts")).serve,
  config: async () => (await import("./commands/Config.ts")).config,
  nodes: async () => (await import("./commands/Nodes.ts")).nodes,
  ps: async () => (await import("./commands/Ps.ts")).ps,
  start: async () => (await import("./commands/Operate.ts")).start,
  stop: async () => (await import("./commands/Operate.ts")).stop,
  restart: async () => (await import("./commands/Operate.ts")).restart,
  signal: async () => (await import("./commands/Operate.ts")).signal,
  tail: async () => (await import("./commands/Tail.ts")).tail,
  update: async () => (await import("./commands/Update.ts")).update,
  batches: async () => (await import("./commands/Batches.ts")).batches,
  login: async () => (await import("./commands/Login.ts")).login,
  logout: async () => (await import("./commands/Login.ts")).logout,
  users: async () => (await import("./commands/Users.ts")).users,
  tokens: async () => (await import("./commands/Tokens.ts")).tokens,
  activity: async () => (await import("./commands/Activity.ts")).activity,
  backup: async () => (await import("./commands/Backup.ts")).backup,
  restore: async () => (await import("./commands/Backup.ts")).restore,
  password: async () => (await import("./commands/Password.ts")).password,
  check: async () => (await import("./commands/Check.ts")).check,
  replay: async () => (await import("./commands/Replay.ts")).replay,
  explore: async () => (await import("./commands/Explore.ts")).explore,
  mutants: async () => (await import("./commands/Mutants.ts")).mutants,
  report: async () => (await import("./commands/Report.ts")).report,
  regressions: async () => (await import("./commands/Regressions.ts")).regressions,
  scenarios: async () => (await import("./commands/Scenarios.ts")).scenarios
} as const

const root = Command.make("muster").pipe(
  Command.withDescription("A fleet console for supervisord, and the simulator that proves it")
)

const isName = (word: string): word is keyof typeof loaders => Object.hasOwn(loaders, word)

/**
 * The command whose name is the first word; with any other first word all of them, for help, hints and mistakes. A
 * script for completions is always about all.
 */
export const commandFor = async (words: ReadonlyArray<string>) => {
  const [first = ""] = words
  const isAboutAll = words.some((word) => word.startsWith("--completions"))
  return isName(first) && !isAboutAll ? withOnly(await loaders[first]()) : withAll()
}

type Loaded = Awaited<ReturnType<(typeof loaders)[keyof typeof loaders]>>

const withOnly = (command: Loaded) => Command.withSubcommands(root, [command])

const withAll = async () =>
  Command.withSubcommands(root, [
    await loaders.serve(),
    await loaders.config(),
    {
      group: "Against a running console",
      commands: [
        await loaders.nodes(),
        await loaders.ps(),
        await loaders.start(),
        await loaders.stop(),
        await loaders.restart(),
        await loaders.signal(),
        await loaders.tail(),
        await loaders.update(),
        await loaders.batches(),
        await loaders.login(),
        await loaders.logout(),
        await loaders.users(),
        await loaders.tokens(),
        await loaders.activity()
      ]
    },
    {
      group: "Beside a console",
      commands: [await loaders.backup(), await loaders.restore(), await loaders.password()]
    },
    {
      group: "Simulator",
      commands: [
        await loaders.check(),
        await loaders.replay(),
        await loaders.explore(),
        await loaders.mutants(),
        await loaders.regressions(),
        await loaders.report(),
        await loaders.scenarios()
      ]
    }
  ])
