/** The certificates and the key of a node, from its settings: each is PEM text, or the path of a file that holds it. */
import { ByteSize, Effect, FileSystem, Redacted, Schema } from "effect"
import type { TlsOptions } from "./Connection.ts"

/** Settings of one node, as its table has them. */
export interface TlsSettings {
  readonly tlsCa?: string | undefined
  readonly tlsCertificate?: string | undefined
  readonly tlsKey?: Redacted.Redacted | undefined
  readonly tlsServerName?: string | undefined
}

/** A setting is of no use. `field` is its name in the file; `detail` repeats nothing of a key. */
export class TlsMaterialError extends Schema.TaggedError<TlsMaterialError>()("TlsMaterialError", {
  field: Schema.Literals(["tls_ca", "tls_certificate", "tls_key"]),
  detail: Schema.String
}) {
  override get message(): string {
    return `${this.field}: ${this.detail}`
  }
}

type Field = TlsMaterialError["field"]

const fileBytesMax = 1_048_576n
const pem = /-----BEGIN [A-Z0-9 ]+-----/
const expected: Readonly<Record<Field, RegExp>> = {
  tls_ca: /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^]+-----END/,
  tls_certificate: /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^]+-----END/,
  tls_key: /-----BEGIN (?:[A-Z0-9]+ )?PRIVATE KEY-----[^]+-----END/
}

/** Loads what the settings name; undefined when they name nothing. */
export const load = Effect.fn("TlsMaterial.load")(function* (
  settings: TlsSettings
): Effect.fn.Return<TlsOptions | undefined, TlsMaterialError, FileSystem.FileSystem> {
  const { tlsCa, tlsCertificate, tlsKey, tlsServerName } = settings
  if ([tlsCa, tlsCertificate, tlsKey, tlsServerName].every((setting) => setting === undefined)) return undefined
  if (tlsKey !== undefined && tlsCertificate === undefined) {
    return yield* new TlsMaterialError({ field: "tls_certificate", detail: "is missing, and tls_key is there" })
  }
  if (tlsCertificate !== undefined && tlsKey === undefined) {
    return yield* new TlsMaterialError({ field: "tls_key", detail: "is missing, and tls_certificate is there" })
  }
  return {
    ca: tlsCa === undefined ? undefined : yield* textOf("tls_ca", tlsCa),
    certificate: tlsCertificate === undefined ? undefined : yield* textOf("tls_certificate", tlsCertificate),
    key: tlsKey === undefined ? undefined : Redacted.make(yield* textOf("tls_key", Redacted.value(tlsKey))),
    serverName: tlsServerName
  }
})

const textOf = Effect.fnUntraced(function* (
  field: Field,
  setting: string
): Effect.fn.Return<string, TlsMaterialError, FileSystem.FileSystem> {
  const text = pem.test(setting) ? setting : yield* readFile(field, setting)
  if (expected[field].test(text)) return text
  const what = field === "tls_key" ? "private key" : "certificate"
  return yield* new TlsMaterialError({ field, detail: `holds no ${what} as PEM` })
})

/** A path may be a key that was pasted without its first line: it is not repeated for that field. */
const readFile = Effect.fnUntraced(function* (field: Field, path: string) {
  const fs = yield* FileSystem.FileSystem
  const shown = field === "tls_key" ? "the file" : path
  const text = yield* Effect.flatMap(fs.stat(path), ({ size }) =>
    ByteSize.toBigInt(size) > fileBytesMax ? Effect.succeed(undefined) : fs.readFileString(path)
  ).pipe(
    Effect.mapError(({ reason }) => new TlsMaterialError({ field, detail: `${shown} cannot be read (${reason._tag})` }))
  )
  return text ?? (yield* new TlsMaterialError({ field, detail: `${shown} is larger than ${fileBytesMax} bytes` }))
})
