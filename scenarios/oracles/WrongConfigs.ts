/**
 * Configurations that cannot be used, in the ways in which people and disks spoil them, each with the field that has to
 * be named. They are spoilt out of a sound one, so that everything else in them could be used.
 */
import { Effect, type FileSystem, type PlatformError, type Scope } from "effect"
import type { Disk } from "../../sim/fs/Disk.ts"

/** A configuration with two nodes, `new` the second of them. */
export interface Sound {
  /** Settings by section, as `{ poll: 'interval = "2s"' }`. */
  readonly sections: Readonly<Record<string, string>>
  /** A table for each node. */
  readonly nodes: string
}

/** The secret of all that is wrong: it shows nowhere. */
export const secret = "s3cr3t"

/** A file that the configurations may name: it holds a certificate, until somebody takes it away. */
export const certificate = "/ca.pem"
export const pem = "-----BEGIN CERTIFICATE-----\nMAo=\n-----END CERTIFICATE-----\n"

/** One table of nodes. */
export const table = (name: string, ...settings: ReadonlyArray<string>): string =>
  ["[[nodes]]", `name = "${name}"`, ...settings, ""].join("\n")

export const textOf = ({ nodes, sections }: Sound): string =>
  [...Object.entries(sections).map(([name, settings]) => `[${name}]\n${settings}`), nodes].join("\n")

export interface Mistake {
  readonly what: string
  /** The field that has to be named; "" when it is the file itself. */
  readonly field: string
  readonly text: (sound: Sound, file: string) => string
}

const setting =
  (section: string, line: string): Mistake["text"] =>
  (sound) =>
    textOf({ ...sound, sections: { ...sound.sections, [section]: `${sound.sections[section] ?? ""}\n${line}` } })

const node =
  (...settings: ReadonlyArray<string>): Mistake["text"] =>
  (sound) =>
    `${textOf(sound)}${table("third", ...settings)}`

const key = `-----BEGIN ${secret}`

export const mistakes: ReadonlyArray<Mistake> = [
  { what: "no TOML", text: (sound) => `${textOf(sound)}[poll\npassword = "${secret}"`, field: "" },
  { what: "a file that ends within a text", text: (sound) => `${textOf(sound)}[[nodes]]\nname = "thi`, field: "" },
  { what: "an unknown setting", text: setting("bus", "wrokers = 1"), field: "bus.wrokers" },
  { what: "an unknown section", text: setting("wrong", ""), field: "wrong" },
  { what: "another type", text: setting("poll", "concurrency = true"), field: "poll.concurrency" },
  { what: "out of range", text: setting("server", "port = 70000"), field: "server.port" },
  { what: "a time without a unit", text: setting("poll", "deadline = 2"), field: "poll.deadline" },
  {
    what: "a name that is taken",
    text: (sound) => `${textOf(sound)}${table("new", 'url = "http://x"')}`,
    field: "nodes[2].name"
  },
  { what: "no address", text: node(), field: "nodes[2].url" },
  { what: "credentials in an address", text: node(`url = "http://u:${secret}@h"`), field: "nodes[2].url" },
  {
    what: "an unset variable",
    text: node('url = "http://h"', 'username = "u"', 'password = "${NO_SUCH}"'),
    field: "nodes[2].password"
  },
  { what: "a password alone", text: node('url = "http://h"', `password = "${secret}"`), field: "nodes[2].username" },
  {
    what: "a certificate without https",
    text: node('url = "http://h"', `tls_ca = "${certificate}"`),
    field: "nodes[2].tls_ca"
  },
  {
    what: "a certificate that is not there",
    text: node('url = "https://h"', 'tls_ca = "/none.pem"'),
    field: "nodes[2].tls_ca"
  },
  {
    what: "a certificate that is none",
    text: (sound, file) => `${textOf(sound)}${table("third", 'url = "https://h"', `tls_ca = "${file}"`)}`,
    field: "nodes[2].tls_ca"
  },
  {
    what: "a key that is none",
    text: node('url = "https://h"', `tls_certificate = ${JSON.stringify(pem)}`, `tls_key = '${key}'`),
    field: "nodes[2].tls_key"
  },
  { what: "a database that is none", text: setting("database", `url = "mysql:u:${secret}"`), field: "database.url" },
  {
    what: "headers without a collector",
    text: setting("telemetry", `otlp_headers = "X-Key=${secret}"`),
    field: "telemetry.otlp_url"
  },
  {
    what: "headers that are none",
    text: setting("telemetry", `otlp_headers = "${secret}"`),
    field: "telemetry.otlp_headers"
  },
  { what: "a token source twice", text: setting("auth", 'sources = "header,header"'), field: "auth.sources" },
  {
    what: "tokens that outlive their session",
    text: setting("auth", 'access_token_ttl = "2h"\nsession_ttl = "1h"'),
    field: "auth.access_token_ttl"
  },
  {
    what: "a warning after the alarm",
    text: setting("limits", 'memory_warning = "3GiB"'),
    field: "limits.memory_critical"
  },
  { what: "pauses that shrink", text: setting("database", 'retry_delay = "9s"'), field: "database.retry_delay_max" }
]

/** What can be wrong with the file itself. */
export const spoiltFiles = [
  "missing",
  "empty",
  "unreadable",
  "not UTF-8",
  "a directory",
  "on a disk that fails",
  "on a disk that hangs"
] as const
export type SpoiltFile = (typeof spoiltFiles)[number]

const ownerOnly = 0o600

/** Spoils the file until the scope closes; it is not there afterwards. */
export const spoilFile = (
  {
    disk,
    files,
    text
  }: { readonly disk: Disk["Service"]; readonly files: FileSystem.FileSystem; readonly text: string },
  file: string,
  how: SpoiltFile
): Effect.Effect<void, PlatformError.PlatformError, Scope.Scope> => {
  const made = () => {
    switch (how) {
      case "missing":
        return Effect.void
      case "empty":
        return files.writeFileString(file, "")
      case "unreadable":
        return Effect.andThen(files.writeFileString(file, text), files.chmod(file, 0))
      case "not UTF-8":
        return files.writeFile(file, Uint8Array.of(...new TextEncoder().encode(text), 0xff))
      case "a directory":
        return files.makeDirectory(file)
      case "on a disk that fails":
      case "on a disk that hangs":
        return Effect.andThen(
          files.writeFileString(file, text, { mode: ownerOnly }),
          disk.rule(({ operation, path }) => ({
            _tag: path !== file || operation !== "read" ? "pass" : how === "on a disk that fails" ? "reset" : "drop"
          }))
        )
    }
  }
  const remove = files.remove(file, { recursive: true, force: true })
  return Effect.andThen(remove, made()).pipe(
    Effect.andThen(Effect.addFinalizer(() => Effect.orDie(remove))),
    Effect.asVoid
  )
}
