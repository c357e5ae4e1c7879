import { assert, describe, it } from "@effect/vitest"
import { Duration, Redacted, Result } from "effect"
import type { ConfigProblem } from "../../../core/config/ConfigErrors.ts"
import { configCharsMax, decodeConfig, defaults, problemsMax } from "../../../core/config/ConfigFile.ts"
import type { Config } from "../../../core/config/ConfigSchema.ts"
import { StopSignal } from "../../../core/local/ProgramConfig.ts"
import type { Environment } from "../../../core/config/Interpolation.ts"

const decode = (text: string, environment: Environment = {}) => decodeConfig({ file: "muster.toml", text, environment })

const accepted = (text: string, environment: Environment = {}): Config => Result.getOrThrow(decode(text, environment))

const refused = (text: string, environment: Environment = {}) => {
  const result = decode(text, environment)
  if (Result.isSuccess(result)) return assert.fail("the configuration was accepted")
  return result.failure
}

const lines = (text: string, environment: Environment = {}): ReadonlyArray<string> =>
  refused(text, environment).message.split("\n")

/** The only problem of a text. */
const problem = (text: string, environment: Environment = {}): ConfigProblem => {
  const { problems } = refused(text, environment)
  assert.strictEqual(problems.length, 1, problems.map((each) => each.message).join("\n"))
  return problems[0] ?? assert.fail("no problem")
}

const node = (rest: string) => `[[nodes]]\nname = "web-1"\nurl = "http://127.0.0.1:9001"\n${rest}`

const sections =
  "server, poll, operations, bus, hub, log, local, database, auth, activity, limits, telemetry, nodes, programs"
const ofServer = "host, port, shutdown_deadline, cors_origins, trusted_proxies"

describe("a configuration that can be used", () => {
  it("has a default for everything but nodes and programs", () => {
    const config = accepted("")
    assert.deepStrictEqual(config.server.host, "127.0.0.1")
    assert.deepStrictEqual(config.server.port, 8080)
    assert.deepStrictEqual(Duration.toMillis(config.server.shutdownDeadline), 10_000)
    assert.deepStrictEqual(Duration.toMillis(config.poll.interval), 2000)
    assert.deepStrictEqual(Duration.toMillis(config.poll.jitter), 200)
    assert.deepStrictEqual(config.poll.concurrency, 16)
    assert.deepStrictEqual(Duration.toMillis(config.poll.deadline), 5000)
    assert.deepStrictEqual(config.poll.replyBytesMax, 8 * 1024 * 1024)
    assert.deepStrictEqual(Duration.toMillis(config.operations.startTimeout), 30_000)
    assert.deepStrictEqual(Duration.toMillis(config.operations.stopTimeout), 30_000)
    assert.deepStrictEqual(Duration.toMillis(config.operations.restartTimeout), 30_000)
    assert.deepStrictEqual(Duration.toMillis(config.operations.observeInterval), 250)
    assert.deepStrictEqual(config.hub.clientsMax, 10_000)
    assert.deepStrictEqual(config.hub.outboxFramesMax, 256)
    assert.deepStrictEqual(config.hub.slowClientPolicy, "disconnect")
    assert.deepStrictEqual(Duration.toMillis(config.hub.heartbeatInterval), 30_000)
    assert.deepStrictEqual(Duration.toMillis(config.hub.heartbeatTimeout), 10_000)
    assert.deepStrictEqual(config.hub.frameBytesMax, 64 * 1024)
    assert.deepStrictEqual(config.hub.invalidFramesMax, 3)
    assert.deepStrictEqual(config.log, { level: "Info", format: "auto" })
    assert.deepStrictEqual(config.local, { name: "local" })
    assert.deepStrictEqual(config.nodes, [])
    assert.deepStrictEqual(config.programs, [])
  })

  it("is the same without a file as with an empty one", () => {
    assert.deepStrictEqual(Result.getOrThrow(defaults({})), accepted(""))
  })

  it("has no key left in the spelling of the file", () => {
    const keys = Object.values(accepted("")).flatMap((section) => Object.keys(section))
    assert.deepStrictEqual(
      keys.filter((key) => key.includes("_")),
      []
    )
  })

  it("decodes the example of the contract", () => {
    const config = accepted(
      [
        "[server]                      # muster.toml",
        'host = "127.0.0.1"',
        "port = 8080",
        "[poll]",
        'interval = "2s"',
        "[[nodes]]",
        'name = "web-1"',
        'environment = "production"',
        'url = "http://127.0.0.1:9001"     # https:// and unix:///path/to.sock too',
        'username = "user"',
        'password = "${WEB_1_PASSWORD}"'
      ].join("\n"),
      { WEB_1_PASSWORD: "s3cr3t" }
    )
    const [web] = config.nodes
    assert.strictEqual(web?.name, "web-1")
    assert.strictEqual(web?.environment, "production")
    assert.strictEqual(web?.url, "http://127.0.0.1:9001")
    assert.strictEqual(web?.username, "user")
    assert.strictEqual(web?.password && Redacted.value(web.password), "s3cr3t")
    assert.notInclude(JSON.stringify(config), "s3cr3t")
  })

  it("takes the jitter as a share of the interval or as a duration", () => {
    const jitterMs = (text: string) =>
      Duration.toMillis(accepted(`[poll]\ninterval = "10s"\njitter = ${text}`).poll.jitter)
    assert.deepStrictEqual(
      ['"25%"', "0.1", "0", "1", '"0.5"', '"300ms"', '"10s"'].map(jitterMs),
      [2500, 1000, 0, 10_000, 5000, 300, 10_000]
    )
  })

  it("takes numbers from the environment through strings", () => {
    const config = accepted('[server]\nport = "${PORT}"\n[poll]\nreply_bytes_max = "${BYTES}"', {
      PORT: "9000",
      BYTES: "4096"
    })
    assert.strictEqual(config.server.port, 9000)
    assert.strictEqual(config.poll.replyBytesMax, 4096)
  })

  it("reads a file with a byte order mark and CRLF", () => {
    assert.strictEqual(accepted("\ufeff[server]\r\nport = 1\r\n").server.port, 1)
  })

  it("gives a program its group and its limit of output", () => {
    const [program] = accepted('[[programs]]\nname = "p"\ncommand = "sleep 1"\noutput_bytes_max = "2KiB"').programs
    assert.strictEqual(program?.group, "p")
    assert.strictEqual(program?.outputBytesMax, 2048)
    assert.deepStrictEqual(program?.command, ["sleep", "1"])
    assert.strictEqual(program?.stopwaitsecs, 10)
  })

  it("keeps a node called local as long as there is no local node", () => {
    assert.strictEqual(accepted('[[nodes]]\nname = "local"\nurl = "http://h:1"').nodes[0]?.name, "local")
  })
})

const hostForm = 'a host name or an IP address without port, such as "127.0.0.1", "::" or "localhost"'
const nameForm = 'a name of 1 to 63 letters, digits, ".", "_" and "-" that begins with a letter or a digit'

describe("a problem of a file", () => {
  it("has line, column, field, value and what was expected", () => {
    assert.deepStrictEqual(problem('[[nodes]]\nname = "a"\n\n  url  = "ftp://x"\n'), {
      reason: "Invalid",
      file: "muster.toml",
      line: 4,
      column: 10,
      field: "nodes[0].url",
      message: 'got "ftp://x", expected http://, https:// or unix:///path',
      expected: "http://, https:// or unix:///path",
      value: '"ftp://x"'
    })
  })

  it("is one line of text", () => {
    const text = '[[nodes]]\nname = "a"\nurl = "http://h:1"\n[[nodes]]\nname = "b"\nurl = "ftp://x"\n'
    assert.deepStrictEqual(lines(text), [
      'muster.toml:6:7 nodes[1].url: got "ftp://x", expected http://, https:// or unix:///path'
    ])
  })

  it.each([
    ["[server]\nport = 65536", "2:8 server.port: got 65536, expected an integer from 0 to 65535"],
    ["[server]\nport = 80.5", "2:8 server.port: got 80.5, expected an integer from 0 to 65535"],
    ["[server]\nport = -1", "2:8 server.port: got -1, expected an integer from 0 to 65535"],
    ["[server]\nport = nan", "2:8 server.port: got nan, expected an integer from 0 to 65535"],
    [
      "[server]\nport = 9_223_372_036_854_775_807",
      "2:8 server.port: got 9_223_372_036_854_775_807, expected an integer from 0 to 65535"
    ],
    ['[server]\nport = "0x10"', '2:8 server.port: got "0x10", expected an integer from 0 to 65535'],
    ["[server]\nport = true", "2:8 server.port: got true, expected an integer from 0 to 65535"],
    ["[server]\nport = [80]", "2:8 server.port: got a list, expected an integer from 0 to 65535"],
    ["[server]\nport = { a = 1 }", "2:8 server.port: got a table, expected an integer from 0 to 65535"],
    ["server.port = 1979-05-27", "1:15 server.port: got 1979-05-27, expected an integer from 0 to 65535"],
    ['server = { port = "x" }', '1:19 server.port: got "x", expected an integer from 0 to 65535'],
    ['[server]\nhost = "a b"', `2:8 server.host: got "a b", expected ${hostForm}`],
    [
      "[poll]\ninterval = 2",
      '2:12 poll.interval: got 2, expected a duration from 50ms to 1h such as "2s", "250ms" or "1m30s"'
    ],
    [
      '[poll]\ninterval = "49ms"',
      '2:12 poll.interval: got "49ms", expected a duration from 50ms to 1h such as "2s", "250ms" or "1m30s"'
    ],
    [
      '[poll]\njitter = "101%"',
      '2:10 poll.jitter: got "101%", expected a share such as "10%" or 0.1, or a duration up to 1h such as "200ms"'
    ],
    [
      '[poll]\nreply_bytes_max = "8Mb"',
      '2:19 poll.reply_bytes_max: got "8Mb", expected a size from 1KiB to 1GiB such as "8MiB" or a number of bytes'
    ],
    [
      '[hub]\nslow_client_policy = "drop"',
      '2:22 hub.slow_client_policy: got "drop", expected "disconnect" or "dropOldest"'
    ],
    ["[log]\nformat = 1", '2:10 log.format: got 1, expected "json", "pretty" or "auto"'],
    [
      '[log]\nlevel = "Info"',
      '2:9 log.level: got "Info", expected "trace", "debug", "info", "warn", "error", "fatal" or "none"'
    ],
    ['[local]\nname = "-a"', `2:8 local.name: got "-a", expected ${nameForm}`],
    ["server = 3", "1:10 server: got 3, expected a table"],
    ["server = 1979-05-27", "1:10 server: got 1979-05-27, expected a table"],
    ["[[server]]", "1:1 server: got a list, expected a table"],
    ["nodes = 3", "1:9 nodes: got 3, expected tables headed [[nodes]]"],
    ['[nodes]\nname = "a"', "1:1 nodes: got a table, expected tables headed [[nodes]]"],
    ["nodes = [\n  3\n]", "2:3 nodes[0]: got 3, expected a table"],
    ["[programs]", "1:1 programs: got a table, expected tables headed [[programs]]"],
    [node('environment = ""'), '4:15 nodes[0].environment: got "", expected text of 1 to 63 printable characters']
  ])("refuses %j with place, field, value and expectation", (text, line) => {
    assert.deepStrictEqual(lines(text), [`muster.toml:${line}`])
  })

  it.each([
    ["[server]\nhsot = 1", '2:1 server.hsot: unknown key, did you mean "host"?'],
    [
      '[server]\nport = 1\n  shutdownDeadline = "1s"',
      '3:3 server.shutdownDeadline: unknown key, did you mean "shutdown_deadline"?'
    ],
    ["[server]\ncolour = 1", `2:1 server.colour: unknown key, expected one of ${ofServer}`],
    ["[sever]\nhost = 3", '1:1 sever: unknown key, did you mean "server"?'],
    ["[[node]]\nname = 3\n[[node]]", '1:1 node: unknown key, did you mean "nodes"?'],
    ["a.b.c = 1", `1:1 a: unknown key, expected one of ${sections}`],
    ["[__proto__]", `1:1 __proto__: unknown key, expected one of ${sections}`],
    ['[server]\n"a b\\n" = 1', `2:1 server."a b\\n": unknown key, expected one of ${ofServer}`],
    [node("passwd = 1"), '4:1 nodes[0].passwd: unknown key, did you mean "password"?']
  ])("refuses the unknown key of %j", (text, line) => {
    const found = problem(text)
    assert.strictEqual(found.reason, "UnknownKey")
    assert.deepStrictEqual(lines(text), [`muster.toml:${line}`])
  })

  it("points at the table in which a field is missing", () => {
    const found = refused('\n[[nodes]]\n  [[nodes]]\nname = "b"\n').problems
    assert.deepStrictEqual(
      found.map(({ column, field, line, reason }) => [line, column, field, reason]),
      [
        [2, 1, "nodes[0].name", "Missing"],
        [2, 1, "nodes[0].url", "Missing"],
        [3, 3, "nodes[1].url", "Missing"]
      ]
    )
    assert.strictEqual(found[1]?.message, "is missing, expected http://, https:// or unix:///path")
  })

  it.each([
    ["port = ", 1, 8, "not valid TOML: Unspecified values are invalid"],
    ['[server]\nhost = "a', 2, 10, "not valid TOML: Unterminated string constant"],
    ["[server]\nport = 1\nport = 2", 3, 1, "not valid TOML: Defining a key multiple times is invalid"],
    ["[server]\nport = 1\n[poll]\n[server]", 4, 2, "not valid TOML: Defining a key multiple times is invalid"],
    ["server.port = 1\n[server]", 2, 2, "not valid TOML: Defining a key multiple times is invalid"],
    ["server = { port = 1, port = 2 }", 1, 22, "not valid TOML: Defining a key multiple times is invalid"],
    ["nodes = []\n[[nodes]]", 2, 3, "not valid TOML: Defining a key multiple times is invalid"],
    [`a = ${"[".repeat(17)}${"]".repeat(17)}`, 1, 21, "nested more than 16 deep"],
    [`a${".a".repeat(16)} = 1`, 1, 32, "nested more than 16 deep"]
  ])("says where %j stops being TOML", (text, line, column, message) => {
    assert.deepStrictEqual(problem(text), { reason: "Syntax", file: "muster.toml", field: "", line, column, message })
  })

  it("takes brackets by the hundred thousand for what they are", () => {
    const text = `a = ${"[".repeat(100_000)}${"]".repeat(100_000)}`
    assert.match(problem(text).message, /more than the parser can take|nested more than 16 deep/)
  })

  it("refuses a text that is too large before it parses it", () => {
    const { message, reason } = problem("x".repeat(configCharsMax + 1))
    assert.strictEqual(reason, "Syntax")
    assert.strictEqual(message, `larger than ${configCharsMax} characters`)
  })

  it("comes with all the others, in the order of the file", () => {
    const text = [
      "[log]",
      'level = "loud"',
      "colour = true",
      "[server]",
      "port = 99999",
      "[[nodes]]",
      'name = "a"',
      'url = "http://h:1"',
      'password = "x"',
      "[[nodes]]",
      'name = "a"',
      'url = "h:1"',
      "[[programs]]",
      'name = "p"',
      'command = ""',
      "startsecs = -1"
    ].join("\n")
    const found = refused(text, { MUSTER_POLL_CONCURRENCY: "0" }).problems
    assert.deepStrictEqual(
      found.map(({ field, line, reason }) => [line, field, reason]),
      [
        [2, "log.level", "Invalid"],
        [3, "log.colour", "UnknownKey"],
        [5, "server.port", "Invalid"],
        [9, "nodes[0].username", "Missing"],
        [11, "nodes[1].name", "Conflict"],
        [12, "nodes[1].url", "Invalid"],
        [15, "programs[0].command", "Invalid"],
        [16, "programs[0].startsecs", "Invalid"],
        [undefined, "poll.concurrency", "Invalid"]
      ]
    )
  })

  it("is counted beyond the first hundred", () => {
    const error = refused(Array.from({ length: problemsMax + 20 }, (_, index) => `[a${index}]`).join("\n"))
    assert.strictEqual(error.problems.length, problemsMax)
    assert.deepStrictEqual(
      error.problems.map((each) => each.line),
      error.problems.map((_, index) => index + 1)
    )
    assert.strictEqual(error.omitted, 20)
    assert.match(error.message, /\nand 20 more problems$/)
  })

  it("is left out by its place when there are too many", () => {
    const unknown = Array.from({ length: problemsMax }, (_, index) => `[a${index}]`)
    const error = refused(["server = 1", ...unknown, "[log]", "level = 1"].join("\n"))
    assert.deepStrictEqual(
      [error.problems.at(0)?.field, error.problems.at(-1)?.field, error.omitted],
      ["server", "a98", 2]
    )
  })

  it("of a program has the words of its own schema", () => {
    const program = (rest: string) => `[[programs]]\nname = "p"\ncommand = "true"\n${rest}`
    assert.deepStrictEqual(
      lines(program('startsecs = "1"\nautorestart = "maybe"\nstopsignal = "KIL"\nexitcodes = [0, 256]')),
      [
        'muster.toml:4:13 programs[0].startsecs: got "1", expected a number',
        'muster.toml:5:15 programs[0].autorestart: got "maybe", expected true or false or "unexpected"',
        `muster.toml:6:14 programs[0].stopsignal: got "KIL", expected one of ${StopSignal.literals.join(", ")}`,
        "muster.toml:7:17 programs[0].exitcodes[1]: got 256, expected a value between 0 and 255"
      ]
    )
    assert.deepStrictEqual(lines(program("outputBytesMax = 1")), [
      'muster.toml:4:1 programs[0].outputBytesMax: unknown key, did you mean "output_bytes_max"?'
    ])
    const place = "muster.toml:3:11 programs[0].command"
    assert.deepStrictEqual(lines('[[programs]]\nname = "p"\ncommand = "a | b"'), [
      `${place}: got a hidden value: The operator "|" needs a shell: quote it, or run a shell (sh -c '...')`
    ])
    assert.deepStrictEqual(lines('[[programs]]\nname = "p"\ncommand = ["a",\n 3]'), [
      "muster.toml:4:2 programs[0].command[1]: got a hidden value, expected a string"
    ])
    assert.deepStrictEqual(lines('[[programs]]\nname = "p"\ncommand = true'), [
      "muster.toml:3:11 programs[0].command: got a hidden value, expected a string or a list"
    ])
    assert.deepStrictEqual(lines('[[programs]]\nname = "p"\ncommand = [""]'), [
      `${place}: got a hidden value, expected a program to run, got an empty first word`
    ])
    assert.deepStrictEqual(lines(program('environment = { A = "1", "B=" = "2" }')), [
      "muster.toml:4:33 programs[0].environment.\"B=\": got a hidden value, expected a name without '=' and NUL"
    ])
  })
})

describe("rules between settings", () => {
  it("refuse a second node of the same name", () => {
    const text = '[[nodes]]\nname = "a"\nurl = "http://h:1"\n[[nodes]]\nname = "a"\nurl = "http://h:2"'
    assert.deepStrictEqual(lines(text), [
      'muster.toml:5:8 nodes[1].name: got "a", expected another name than that of nodes[0]'
    ])
  })

  it("refuse a node that is called like the local one", () => {
    const text = `${node("")}\n[[programs]]\nname = "p"\ncommand = "true"\n[local]\nname = "web-1"`
    assert.deepStrictEqual(lines(text), [
      'muster.toml:2:8 nodes[0].name: got "web-1", expected another name than that of the local node (local.name)'
    ])
    assert.deepStrictEqual(
      problem(text.replace('name = "web-1"', 'name = "local"').replace(/\[local\][\s\S]*/, "")).reason,
      "Conflict"
    )
  })

  it("refuse a second program of the same group and name", () => {
    const program = (rest: string) => `[[programs]]\nname = "p"\ncommand = "true"\n${rest}\n`
    assert.deepStrictEqual(lines(program('group = "p"') + program("")), [
      'muster.toml:6:8 programs[1].name: got "p", expected another name, or another group, than that of programs[0]'
    ])
    assert.strictEqual(accepted(program('group = "g"') + program("")).programs.length, 2)
  })

  it("refuse a log file that something else writes to already", () => {
    const program = (name: string, rest: string) => `[[programs]]\nname = "${name}"\ncommand = "true"\n${rest}\n`
    assert.deepStrictEqual(
      lines(program("a", 'stdout_logfile = "/l"') + program("b", 'stderr_logfile = "/l"\nstdout_logfile = "/m"')),
      ['muster.toml:8:18 programs[1].stderr_logfile: got "/l", expected another file than programs[0].stdout_logfile']
    )
    assert.deepStrictEqual(lines(program("a", 'stdout_logfile = "/l"\nstderr_logfile = "/l"')), [
      'muster.toml:5:18 programs[0].stderr_logfile: got "/l", expected another file than programs[0].stdout_logfile'
    ])
  })

  it("want user name and password together", () => {
    assert.deepStrictEqual(lines(node('username = "u"')), [
      "muster.toml:4:12 nodes[0].password: is missing, expected a password beside the user name"
    ])
    assert.deepStrictEqual(lines(node('password = "x"')), [
      "muster.toml:4:12 nodes[0].username: is missing, expected a user name beside the password"
    ])
  })

  it("want a certificate and its key together, with https:// alone, and never show the key", () => {
    const secure = (rest: string) => `[[nodes]]\nname = "a"\nurl = "https://h:1"\n${rest}\n`
    assert.deepStrictEqual(lines(secure('tls_certificate = "/c.pem"')), [
      "muster.toml:4:19 nodes[0].tls_key: is missing, expected a key beside the certificate"
    ])
    assert.deepStrictEqual(lines(secure('tls_key = "/k.pem"')), [
      "muster.toml:4:11 nodes[0].tls_certificate: is missing, expected a certificate beside the key"
    ])
    assert.deepStrictEqual(lines(node('tls_key = "k3y"')), [
      "muster.toml:4:11 nodes[0].tls_key: got a hidden value, expected no TLS setting for a node without https://"
    ])
    assert.strictEqual(accepted(secure('tls_ca = "/ca.pem"')).nodes[0]?.tlsCa, "/ca.pem")
  })

  it("want a breaker that does not open for less and less time", () => {
    assert.deepStrictEqual(lines('[poll]\nbreaker_open = "20s"\nbreaker_open_max = "10s"'), [
      'muster.toml:3:20 poll.breaker_open_max: got "10s", expected at least poll.breaker_open, which is 20s'
    ])
  })

  it("want a jitter of at most the interval, whatever else is wrong", () => {
    assert.deepStrictEqual(lines('[poll]\nconcurrency = 0\njitter = "2001ms"'), [
      "muster.toml:2:15 poll.concurrency: got 0, expected an integer from 1 to 1024",
      'muster.toml:3:10 poll.jitter: got "2001ms", expected at most poll.interval, which is 2s'
    ])
    assert.strictEqual(Duration.toMillis(accepted('[poll]\njitter = "2s"').poll.jitter), 2000)
  })
})

describe("environment variables in strings", () => {
  it("must be set", () => {
    assert.deepStrictEqual(problem(node('username = "u"\npassword = "${WEB_1_PASSWORD}"'), { OTHER: "x" }), {
      reason: "Unset",
      file: "muster.toml",
      line: 5,
      column: 12,
      field: "nodes[0].password",
      message: "the environment variable WEB_1_PASSWORD is not set"
    })
  })

  it("are each named when several of one string are not set", () => {
    assert.deepStrictEqual(lines('[server]\nhost = "${A}${B}${A}${constructor}"'), [
      "muster.toml:2:8 server.host: the environment variable A is not set",
      "muster.toml:2:8 server.host: the environment variable B is not set",
      "muster.toml:2:8 server.host: the environment variable constructor is not set"
    ])
  })

  it.each(["${", "${}", "${1A}", "a${A B}", "${A"])("are refused when they are written %j", (text) => {
    const expected = "${NAME} with the name of an environment variable, or $${ for a plain ${"
    assert.deepStrictEqual(lines(`[server]\nhost = "${text}"`, { A: "x" }), [
      `muster.toml:2:8 server.host: got "${text}", expected ${expected}`
    ])
  })

  it("are shown by name and not by value when the field is refused", () => {
    assert.deepStrictEqual(lines('[server]\nport = "${PORT}"', { PORT: "s3cr3t" }), [
      'muster.toml:2:8 server.port: got "${PORT}", expected an integer from 0 to 65535'
    ])
  })

  it("reach lists and tables of programs", () => {
    const text = '[[programs]]\nname = "p"\ncommand = ["${SHELL}", "$HOME"]\nenvironment = { A = "$${B}" }'
    const [program] = accepted(text, { SHELL: "/bin/sh" }).programs
    assert.deepStrictEqual(program?.command, ["/bin/sh", "$HOME"])
    assert.deepStrictEqual(program?.environment, { A: "${B}" })
  })
})

describe("environment variables that override", () => {
  it("win over the file and the defaults", () => {
    const config = accepted('[server]\nport = 1\nhost = "::1"', {
      MUSTER_SERVER_PORT: "2",
      MUSTER_POLL_REPLY_BYTES_MAX: "1MiB",
      MUSTER_LOG_LEVEL: "debug"
    })
    assert.deepStrictEqual([config.server.port, config.server.host], [2, "::1"])
    assert.strictEqual(config.poll.replyBytesMax, 1024 * 1024)
    assert.strictEqual(config.log.level, "Debug")
  })

  it("hide a mistake of the file in the same field only", () => {
    assert.strictEqual(accepted('[server]\nport = "${NO}"', { MUSTER_SERVER_PORT: "2" }).server.port, 2)
  })

  it("are named instead of a line", () => {
    assert.deepStrictEqual(problem("[server]\nport = 1", { MUSTER_SERVER_PORT: "http" }), {
      reason: "Invalid",
      variable: "MUSTER_SERVER_PORT",
      field: "server.port",
      message: 'got "http", expected an integer from 0 to 65535',
      expected: "an integer from 0 to 65535",
      value: '"http"'
    })
    assert.deepStrictEqual(lines("", { MUSTER_LOG_FORMAT: "" }), [
      'MUSTER_LOG_FORMAT log.format: got "", expected "json", "pretty" or "auto"'
    ])
  })

  it("are not replaced inside", () => {
    assert.strictEqual(problem("", { MUSTER_SERVER_HOST: "${A}", A: "h" }).value, '"${A}"')
  })

  it("that set nothing are refused, with their names and not their values", () => {
    assert.deepStrictEqual(problem("", { MUSTER_SERVER_PROT: "s3cr3t" }), {
      reason: "UnknownVariable",
      variable: "MUSTER_SERVER_PROT",
      field: "",
      message: "the environment variable sets nothing that is known, did you mean MUSTER_SERVER_PORT?",
      expected: "MUSTER_SERVER_PORT"
    })
    assert.deepStrictEqual(lines("", { MUSTER_LOG_COLOUR: "1" }), [
      "MUSTER_LOG_COLOUR: the environment variable sets nothing that is known"
    ])
  })

  it("of other kinds are left alone", () => {
    const others = { MUSTER_ADMIN_PASSWORD: "x", MUSTER_REQUIRE_ALL: "1", SERVER_PORT: "x", MUSTER_SERVER: "x" }
    assert.deepStrictEqual(accepted("", { ...others, MUSTER_SERVER_PROT: undefined }), accepted(""))
  })

  it("are checked without a file and beside a syntax mistake", () => {
    const withoutFile = defaults({ MUSTER_SERVER_PORT: "x" })
    assert.isTrue(Result.isFailure(withoutFile))
    assert.deepStrictEqual(
      lines("", { MUSTER_SERVER_X: "1", MUSTER_HUB_CLIENTS_MAX: "0" }).map((line) => line.split(/[ :]/)[0]),
      ["MUSTER_HUB_CLIENTS_MAX", "MUSTER_SERVER_X"]
    )
    assert.deepStrictEqual(lines("port =", { MUSTER_SERVER_PORT: "x", MUSTER_HUB_X: "1" }), [
      "muster.toml:1:7: not valid TOML: Unspecified values are invalid",
      "MUSTER_HUB_X: the environment variable sets nothing that is known",
      'MUSTER_SERVER_PORT server.port: got "x", expected an integer from 0 to 65535'
    ])
  })
})

describe("secrets", () => {
  it.each([
    'url = "http://user:s3cr3t@h:1"',
    'url = "http://user:s3/cr3t@h:1"',
    'url = "ftp://user:s3cr3t@h:1"',
    'url = "http://user:s3cr3t"',
    'url = "http://h:1/?password=s3cr3t"',
    'url = "user:s3cr3t@h:1"',
    'url = "http://${A}/?x"',
    'username = "user:s3cr3t"\npassword = "s3cr3t"',
    'password = ["s3cr3t"]',
    'password = { a = "s3cr3t" }',
    'password = "s3cr3t',
    'username = "${A}:"\npassword = "${A}"',
    'passwd = "s3cr3t"',
    'password = "s3cr3t"\npassword = "s3cr3t"'
  ])("are not shown for %j", (line) => {
    const text = `[[nodes]]\nname = "a b"\n${line}`
    const error = refused(text, { A: "s3cr3t" })
    assert.notMatch(`${error.message}${JSON.stringify(error)}${String(error.stack)}`, /s3cr3t|cr3t@/)
  })

  it("in a URL are told where to go", () => {
    const expected = "a URL without credentials: set username and password instead"
    assert.deepStrictEqual(lines('[[nodes]]\nname = "a"\nurl = "http://user:s3cr3t@h:1"'), [
      `muster.toml:3:7 nodes[0].url: got "http://***", expected ${expected}`
    ])
  })
})

describe("messages", () => {
  it("stay on one line and short, whatever a value holds", () => {
    const text = `[server]\nhost = "a\\u001b[31m\\u000a\\u0085\\u2028\\u202e${"x".repeat(200)}"`
    const [line, ...more] = lines(text)
    assert.deepStrictEqual(more, [])
    assert.notMatch(line ?? "", /[\u0000-\u001f\u0085\u2028\u202e]/)
    assert.isBelow(line?.length ?? 0, 300)
  })

  it("escape the name of the file", () => {
    const result = decodeConfig({ file: "a\nb.toml", text: "x = 1", environment: {} })
    assert.match(Result.isFailure(result) ? result.failure.message : "", /^a\\nb\.toml:1:1 x: unknown key/)
  })
})
