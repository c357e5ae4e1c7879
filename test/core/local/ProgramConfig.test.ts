import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { ProgramConfig, ProgramConfigs } from "../../../core/local/ProgramConfig.ts"

const problemOf = (decoded: Result.Result<unknown, Schema.SchemaError>) =>
  Result.isFailure(decoded) ? decoded.failure.message : "accepted"

const problems = (fields: Record<string, unknown>) =>
  problemOf(Schema.decodeUnknownResult(ProgramConfig, { errors: "all" })({ name: "web", command: "serve", ...fields }))

describe("ProgramConfig", () => {
  it("gives supervisord's defaults", () => {
    assert.deepStrictEqual(Schema.decodeSync(ProgramConfig)({ name: "web", command: "serve --all" }), {
      name: "web",
      group: "web",
      command: ["serve", "--all"],
      environment: {},
      autostart: true,
      autorestart: "unexpected",
      startsecs: 1,
      startretries: 3,
      exitcodes: [0],
      stopsignal: "SIGTERM",
      stopwaitsecs: 10,
      stopasgroup: true,
      killasgroup: true,
      priority: 999,
      redirectStderr: false,
      stdoutLogfileMaxBytes: 52_428_800,
      stdoutLogfileBackups: 10,
      stderrLogfileMaxBytes: 52_428_800,
      stderrLogfileBackups: 10,
      outputBytesMax: 65_536
    })
  })

  it("keeps what is given", () => {
    const given = {
      name: "web",
      group: "front",
      command: ["serve"],
      directory: "/srv",
      environment: { PORT: "1" },
      autostart: false,
      autorestart: false,
      startsecs: 0.5,
      startretries: 0,
      exitcodes: [0, 2],
      stopsignal: "SIGINT",
      stopwaitsecs: 0,
      user: "www-data",
      stopasgroup: false,
      killasgroup: false,
      priority: 1,
      redirectStderr: true,
      stdoutLogfile: "/var/log/web.log",
      stdoutLogfileMaxBytes: 0,
      stdoutLogfileBackups: 0,
      stderrLogfile: "web.err",
      stderrLogfileMaxBytes: 1_024,
      stderrLogfileBackups: 2,
      outputBytesMax: 1_024
    } as const
    const program = Schema.decodeSync(ProgramConfig)(given)
    assert.deepStrictEqual(program, given)
    assert.deepStrictEqual(Schema.encodeSync(ProgramConfig)(program), given)
  })

  it("takes a stop signal without SIG", () => {
    assert.strictEqual(
      Schema.decodeSync(ProgramConfig)({ name: "a", command: "b", stopsignal: "HUP" }).stopsignal,
      "SIGHUP"
    )
  })

  it.each<[Record<string, unknown>, string, string]>([
    [{ name: "" }, '["name"]', "a name without spaces"],
    [{ name: "a:b" }, '["name"]', "a name without spaces"],
    [{ name: "a\nb" }, '["name"]', "a name without spaces"],
    [{ name: "a".repeat(256) }, '["name"]', "at most 255"],
    [{ group: "a b" }, '["group"]', "a name without spaces"],
    [{ command: "" }, '["command"]', "Expected a command"],
    [{ directory: "" }, '["directory"]', "at least 1"],
    [{ autostart: "yes" }, '["autostart"]', "Expected boolean"],
    [{ autorestart: "always" }, '["autorestart"]', 'Expected boolean | "unexpected"'],
    [{ startsecs: -1 }, '["startsecs"]', "between 0 and 604800"],
    [{ stopwaitsecs: 604_801 }, '["stopwaitsecs"]', "between 0 and 604800"],
    [{ startretries: 1.5 }, '["startretries"]', "integer"],
    [{ exitcodes: [0, 256] }, '["exitcodes"][1]', "between 0 and 255"],
    [{ stopsignal: "SIGSTOP" }, '["stopsignal"]', "one of SIGTERM, SIGHUP"],
    [{ user: "--root" }, '["user"]', "the name of a user"],
    [{ user: "a b" }, '["user"]', "the name of a user"],
    [{ priority: 0.5 }, '["priority"]', "integer"],
    [{ stopasgroup: true, killasgroup: false }, '["killasgroup"]', "stopasgroup to be false"],
    [{ stdoutLogfile: "" }, '["stdoutLogfile"]', "in memory only"],
    [{ stdoutLogfile: "a\0b" }, '["stdoutLogfile"]', "without NUL"],
    [{ stdoutLogfile: "../a.log" }, '["stdoutLogfile"]', 'without ".."'],
    [{ stderrLogfile: "/var/../etc/passwd" }, '["stderrLogfile"]', 'without ".."'],
    [{ stdoutLogfile: "/var/log/" }, '["stdoutLogfile"]', "got a directory"],
    [{ stdoutLogfile: "AUTO" }, '["stdoutLogfile"]', "no AUTO"],
    [{ stdoutLogfileMaxBytes: -1 }, '["stdoutLogfileMaxBytes"]', "between 0"],
    [{ stdoutLogfileBackups: 1_001 }, '["stdoutLogfileBackups"]', "between 0 and 1000"],
    [{ outputBytesMax: 1_023 }, '["outputBytesMax"]', "between 1024"],
    [{ environment: { "A=B": "x" } }, '["environment"]["A=B"]', "without '='"]
  ])("refuses %j and names the field", (fields, field, expected) => {
    assert.include(problems(fields), field)
    assert.include(problems(fields), expected)
  })

  it("never quotes a value of the environment", () => {
    const text = problems({ environment: { TOKEN: "s3cret\0", OTHER: 7, "": "s3cret" } })
    assert.include(text, '["environment"]')
    assert.notInclude(text, "s3cret")
  })

  it("refuses two programs of one group and name", () => {
    const decode = Schema.decodeUnknownResult(ProgramConfigs)
    const program = { name: "a", command: "b" }
    assert.include(problemOf(decode([program, { ...program, group: "a" }])), 'at [1]["name"]')
    assert.strictEqual(problemOf(decode([program, { ...program, group: "c" }])), "accepted")
  })

  it("refuses two programs that write to one file", () => {
    const decode = Schema.decodeUnknownResult(ProgramConfigs)
    const [a, b] = [
      { name: "a", command: "a", stdoutLogfile: "/log" },
      { name: "b", command: "b", stderrLogfile: "/log" }
    ]
    assert.include(problemOf(decode([a, b])), "log files that no other program writes to")
    assert.strictEqual(problemOf(decode([a, { ...b, stderrLogfile: "/log.err" }])), "accepted")
  })
})
