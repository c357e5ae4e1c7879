/**
 * The package as `npm pack` makes it, and projects that it is installed into without a network: what `npm install`
 * would fetch is linked from this repository, if it is asked for in the version that is here.
 */
import { execFile } from "node:child_process"
import { mkdirSync, readdirSync, readFileSync, realpathSync, symlinkSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { Context, Data, Effect, Layer, Schema } from "effect"
import { temporaryFolder } from "./TemporaryFolder.ts"

/** A command ended with another status than 0, or something is not there to be installed. */
export class PackedProjectError extends Data.TaggedError("PackedProjectError")<{ readonly message: string }> {}

/** A shell with the package beside its first folder. */
export interface Shell {
  /** Does a line of commands in the folder where the last one left off; gives what it prints. */
  readonly command: (line: string) => Effect.Effect<string, PackedProjectError>
  /** The folder where the next command will run. */
  readonly here: () => string
}

export class PackedProject extends Context.Service<
  PackedProject,
  {
    /** Where the package lies, and each shell begins. */
    readonly folder: string
    /** The file name of the package. */
    readonly tarball: string
    /** Paths in the package, from its root. */
    readonly files: ReadonlyArray<string>
    readonly shell: Shell
  }
>()("test/PackedProject") {
  /** Builds and packs the repository, once for all that is done in the scope. */
  static readonly layer: Layer.Layer<PackedProject, PackedProjectError> = Layer.effect(
    PackedProject,
    Effect.suspend(() => make)
  )
}

const root = fileURLToPath(new URL("../..", import.meta.url))
const modules = join(root, "node_modules")

/** Nothing of npm's or vitest's own settings may reach the project. */
const environment = (): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(?:MUSTER_|npm_|VITEST|NODE_|TEST$)/.test(name))
  ),
  PATH: `${join(modules, ".bin")}:${process.env["PATH"] ?? ""}`,
  NO_COLOR: "1",
  NO_UPDATE_NOTIFIER: "1"
})

const run = (
  cwd: string,
  line: string
): Effect.Effect<{ readonly stdout: string; readonly stderr: string }, PackedProjectError> =>
  Effect.callback((resume) => {
    const child = execFile("sh", ["-c", line], { cwd, env: environment() }, (error, stdout, stderr) => {
      if (error === null) return resume(Effect.succeed({ stdout, stderr }))
      const message = `${line}: status ${error.code ?? "none"}\n${stdout}${stderr}`
      return resume(Effect.fail(new PackedProjectError({ message })))
    })
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const make = Effect.gen(function* () {
  const folder = realpathSync(yield* temporaryFolder)
  yield* run(root, `npm pack --silent --pack-destination ${folder}`)
  const [tarball = ""] = readdirSync(folder)
  const { stdout } = yield* run(folder, `tar -tzf ${tarball}`)
  const files = stdout.split("\n").flatMap((path) => (path === "" ? [] : path.replace(/^package\//, "")))
  return { folder, tarball, files, shell: makeShell(folder) }
})

const makeShell = (folder: string): Shell => {
  const marker = join(folder, "here")
  let here = folder
  const command = Effect.fnUntraced(function* (line: string) {
    const wanted = /^npm install (?:--save-dev )?(.*)$/.exec(line)?.[1]
    if (wanted !== undefined) {
      for (const name of wanted.split(" ")) yield* install(here, name)
      return ""
    }
    const { stderr, stdout } = yield* run(here, `${line}\nstatus=$?; pwd >${marker}; exit $status`)
    if (line.startsWith("node ") && stderr !== "") {
      return yield* new PackedProjectError({ message: `${line} prints to its standard error:\n${stderr}` })
    }
    here = readFileSync(marker, "utf8").trim()
    return stdout
  })
  return { command, here: () => here }
}

const install = (project: string, wanted: string) =>
  wanted.endsWith(".tgz") ? unpack(project, wanted) : link(project, wanted)

const Manifest = Schema.fromJsonString(
  Schema.Struct({
    version: Schema.String,
    dependencies: Schema.Record(Schema.String, Schema.String).pipe(Schema.withDecodingDefaultKey(Effect.succeed({})))
  })
)

const manifest = (folder: string) =>
  Schema.decodeUnknownSync(Manifest)(readFileSync(join(folder, "package.json"), "utf8"))

const unpack = Effect.fnUntraced(function* (project: string, file: string) {
  const target = join(project, "node_modules", "muster")
  mkdirSync(target, { recursive: true })
  yield* run(project, `tar -xzf ${resolve(project, file)} --strip-components=1 -C ${target}`)
  // So npm would, to where the project finds them too.
  for (const [name, version] of Object.entries(manifest(target).dependencies))
    yield* link(project, `${name}@${version}`)
  symlinkSync(join(modules, ".bin"), join(project, "node_modules", ".bin"))
})

const link = (project: string, wanted: string) =>
  Effect.suspend(() => {
    const [, name = "", version = ""] = /^(.+)@([^@]+)$/.exec(wanted) ?? []
    const source = join(modules, name)
    const found = manifest(source).version
    if (found !== version) {
      const message = `npm install ${wanted}: the version that is tested here is ${found}`
      return Effect.fail(new PackedProjectError({ message }))
    }
    const target = join(project, "node_modules", name)
    mkdirSync(dirname(target), { recursive: true })
    try {
      symlinkSync(source, target)
    } catch (error) {
      // The package has asked for it already.
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error
    }
    return Effect.void
  })
