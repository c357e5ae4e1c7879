/** The recorded conversations with supervisord in `test/fixtures/supervisord`, and what its own client made of them. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

const root = join(import.meta.dirname, "../../fixtures/supervisord")

/** What Python's xmlrpc.client made of a response, by `INDEX.tsv`. */
export type Expected =
  | { readonly _tag: "Value" }
  | { readonly _tag: "Fault"; readonly code: number; readonly text: string }
  | { readonly _tag: "NotWellFormed"; readonly line: number }

export interface Capture {
  /** Such as `07-getAllProcessInfo` or `v4.3.0/128-reloadConfig-cant-reread`. */
  readonly name: string
  /** The status that `INDEX.tsv` states. */
  readonly indexedStatus: number
  readonly expected: Expected
  readonly request: string
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Exactly the bytes that came. */
  readonly bytes: Uint8Array
  readonly text: string
}

const parseExpected = (text: string): Expected => {
  const fault = /^FAULT (\d+) (.*)$/.exec(text)
  if (fault !== null) return { _tag: "Fault", code: Number(fault[1]), text: fault[2] ?? "" }
  const error = /^CLIENT PARSE ERROR ExpatError: .*: line (\d+), column \d+$/.exec(text)
  if (error !== null) return { _tag: "NotWellFormed", line: Number(error[1]) }
  if (text === "parse ok") return { _tag: "Value" }
  throw new Error(`INDEX.tsv holds an outcome that this test does not know: ${text}`)
}

const readCapture = (name: string, indexedStatus: number, expected: Expected): Capture => {
  const file = readFileSync(join(root, `${name}.response.txt`))
  const end = file.indexOf("\n\n")
  const [, statusLine = "", ...headerLines] = file.subarray(0, end).toString("latin1").split("\n")
  const bytes = new Uint8Array(file.subarray(end + 2))
  return {
    name,
    indexedStatus,
    expected,
    request: readFileSync(join(root, `${name}.request.xml`), "utf8"),
    status: Number(statusLine.split(" ")[1]),
    headers: Object.fromEntries(
      headerLines.map((line) => {
        const colon = line.indexOf(":")
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
      })
    ),
    bytes,
    text: new TextDecoder().decode(bytes)
  }
}

const readIndex = (folder: string): ReadonlyArray<Capture> => {
  const files = new Set(readdirSync(join(root, folder)))
  return readFileSync(join(root, folder, "INDEX.tsv"), "utf8")
    .split("\n")
    .flatMap((line) => {
      const [name = "", status = "", , outcome = ""] = line.split("\t")
      // The raw tails of logs are listed too, and are no XML-RPC.
      if (!files.has(`${name}.response.txt`)) return []
      return [readCapture(join(folder, name), Number(status), parseExpected(outcome))]
    })
}

/** Every recorded XML-RPC conversation. */
export const captures: ReadonlyArray<Capture> = [...readIndex("."), ...readIndex("v4.3.0")]

/** Names of all recorded responses, listed in an index or not. */
export const responseFiles: ReadonlyArray<string> = ["", "v4.3.0/"].flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((file) => file.endsWith(".response.txt"))
    .map((file) => folder + file.slice(0, -".response.txt".length))
)

export const captureNamed = (name: string): Capture => {
  const capture = captures.find((each) => each.name === name)
  if (capture === undefined) throw new Error(`there is no capture ${name}`)
  return capture
}
