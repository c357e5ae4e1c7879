/**
 * A file with every setting, its description, its default and its form: made from the schema, so that it is complete.
 */
import { type Plain, type SettingReference, type TableReference, tables } from "./SettingReference.ts"

const introduction = `\
# Muster's configuration, complete: every setting, with its default unless a comment says "for example".
# Made by \`muster config example\`.
#
#   muster config check muster.toml        says what is wrong, with line and field
#   muster config show muster.toml         says what counts, and where that comes from
#
# Durations: "250ms", "2s", "1m30s", "1.5h" (units d, h, m, s, ms). Sizes: "8MiB", "64KiB" or a number of bytes.
# "\${NAME}" in a string takes the environment variable NAME, which must be set; "$\${" is a plain "\${".
# Numbers of the sections before [[nodes]] may be written as strings too, so that port = "\${PORT}" works, and
# environment variables override these sections: MUSTER_SERVER_PORT=9000 is port of [server].
`

/** What stands in the example for settings that have no default. */
const samples: Readonly<Record<string, Plain>> = {
  "telemetry.otlp_url": "http://127.0.0.1:4318",
  "telemetry.otlp_headers": "Authorization=Bearer ${OTLP_TOKEN}",
  "nodes.name": "web-1",
  "nodes.environment": "production",
  "nodes.url": "https://web-1.example.com:9443",
  "nodes.username": "user",
  "nodes.password": "${WEB_1_PASSWORD}",
  "nodes.identifier": "supervisor",
  "nodes.tls_ca": "/etc/muster/ca.pem",
  "nodes.tls_certificate": "/etc/muster/console.pem",
  "nodes.tls_key": "${WEB_1_TLS_KEY}",
  "nodes.tls_server_name": "web-1.internal",
  "programs.name": "ticker",
  "programs.group": "demo",
  "programs.command": ["sh", "-c", "while :; do date; sleep 1; done"],
  "programs.directory": "/tmp",
  "programs.user": "nobody",
  "programs.environment": { LANG: "C.UTF-8" },
  "programs.stdout_logfile": "/tmp/ticker.log",
  "programs.stderr_logfile": "/tmp/ticker.err"
}

const isList = (value: Plain): value is ReadonlyArray<Plain> => Array.isArray(value)

/** A value as TOML writes it. */
export const tomlOf = (value: Plain): string => {
  if (typeof value === "string") return JSON.stringify(value)
  if (typeof value !== "object") return String(value)
  if (isList(value)) return `[${value.map(tomlOf).join(", ")}]`
  const entries = Object.entries(value)
  return entries.length === 0 ? "{}" : `{ ${entries.map(([key, item]) => `${key} = ${tomlOf(item)}`).join(", ")} }`
}

const lineCharsMax = 118

/** The text as comments of bounded length. */
const comment = (text: string): string => {
  const lines: Array<string> = []
  let line = "#"
  for (const word of text.split(" ")) {
    if (line.length + 1 + word.length > lineCharsMax) {
      lines.push(line)
      line = "#"
    }
    line += ` ${word}`
  }
  return [...lines, line].join("\n")
}

/** Settings that would do something if the example were used as it is: they stay comments. */
const isOff = (table: TableReference, { fallback, isRequired }: SettingReference): boolean =>
  !table.isList && fallback === undefined && !isRequired

const settingLines = (table: TableReference, setting: SettingReference): string => {
  const { description, fallback, form, key } = setting
  const sample = samples[`${table.name}.${key}`]
  const value = sample ?? fallback ?? ""
  const example = sample === undefined ? "" : ", for example:"
  const none = fallback === undefined && !setting.isRequired ? " Not set by default." : ""
  const lines = comment(`${description}${none} (${form.expected}${example})`)
  return `${lines}\n${isOff(table, setting) ? "# " : ""}${key} = ${tomlOf(value)}`
}

const tableLines = (table: TableReference): string => {
  const title = table.isList ? `[[${table.name}]]` : `[${table.name}]`
  const settings = table.settings.map((each) => settingLines(table, each)).join("\n")
  return `${comment(table.description)}\n${title}\n${settings}\n`
}

/** The whole file. It is valid, given the variables that it names. */
export const configExample = (): string => [introduction, ...tables.map(tableLines)].join("\n")

const cell = (text: string): string => text.replaceAll("|", "\\|")

const row = ({ description, fallback, form, key, isRequired }: SettingReference): string => {
  const shown = fallback === undefined ? (isRequired ? "required" : "none") : `\`${tomlOf(fallback)}\``
  return `| \`${key}\` | ${shown} | ${cell(form.expected)} | ${cell(description)} |`
}

/** All settings as tables of Markdown. */
export const configTables = (): string =>
  tables
    .map((table) => {
      const title = table.isList ? `[[${table.name}]]` : `[${table.name}]`
      const head = "| setting | default | form | what it is for |\n|---|---|---|---|"
      return `### \`${title}\`\n\n${table.description}\n\n${head}\n${table.settings.map(row).join("\n")}\n`
    })
    .join("\n")
