import { assert, describe, it } from "@effect/vitest"
import { PlatformError, Schema } from "effect"
import { ProgramConfig } from "../../../core/local/ProgramConfig.ts"
import { describeSpawnFailure } from "../../../core/local/SpawnFailure.ts"

const config = Schema.decodeSync(ProgramConfig)({
  name: "web",
  command: ["serve", "--password=s3cret"],
  directory: "/srv",
  environment: { TOKEN: "s3cret" }
})

const spawnError = (tag: PlatformError.SystemErrorTag, code: string) =>
  PlatformError.systemError({
    _tag: tag,
    module: "ChildProcess",
    method: "spawn",
    pathOrDescriptor: "serve --password=s3cret",
    cause: Object.assign(new Error("spawn"), { code })
  })

describe("SpawnFailure", () => {
  it.each<[string, PlatformError.PlatformError]>([
    ["can't find command 'serve'", spawnError("NotFound", "ENOENT")],
    ["command at 'serve' is not executable", spawnError("PermissionDenied", "EACCES")],
    ["unknown error during fork for 'web': EAGAIN", spawnError("Unknown", "EAGAIN")],
    [
      "couldn't chdir to /srv: NotFound",
      PlatformError.systemError({ _tag: "NotFound", module: "FileSystem", method: "access", pathOrDescriptor: "/srv" })
    ],
    [
      "can't run command 'serve': Argument 1 contains a NUL character",
      PlatformError.badArgument({
        module: "ChildProcess",
        method: "spawn",
        description: "Argument 1 contains a NUL character"
      })
    ]
  ])("says %j and no secret", (text, error) => {
    assert.strictEqual(describeSpawnFailure(config, error), text)
  })
})
