import { truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Redacted } from "effect"
import * as TlsMaterial from "../../../core/supervisor/TlsMaterial.ts"
import { temporaryFolder } from "../../support/TemporaryFolder.ts"

const certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
const key = "-----BEGIN EC PRIVATE KEY-----\nc2VjcmV0\n-----END EC PRIVATE KEY-----\n"

const load = (settings: TlsMaterial.TlsSettings) => TlsMaterial.load(settings).pipe(Effect.provide(NodeServices.layer))

const folderWith = (files: Readonly<Record<string, string>>) =>
  Effect.map(temporaryFolder, (folder) => {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
    return folder
  })

describe("certificates and the key of a node", () => {
  it.effect("are taken from the settings or from files", () =>
    Effect.gen(function* () {
      const folder = yield* folderWith({ "ca.pem": certificate, "key.pem": key })
      const loaded = yield* load({
        tlsCa: join(folder, "ca.pem"),
        tlsCertificate: certificate,
        tlsKey: Redacted.make(join(folder, "key.pem")),
        tlsServerName: "node-1"
      })
      assert.deepInclude(loaded, { ca: certificate, certificate, serverName: "node-1" })
      assert.strictEqual(loaded?.key === undefined ? "" : Redacted.value(loaded.key), key)
      assert.isUndefined(yield* load({}))
    })
  )

  it.effect("are refused by the name of the setting, and never shown", () =>
    Effect.gen(function* () {
      const folder = yield* folderWith({ notes: "no pem", "ca.pem": certificate, huge: "" })
      truncateSync(join(folder, "huge"), 2_000_000)
      const pasted = key.replace(/^.*\n/, "")
      const cases: ReadonlyArray<readonly [TlsMaterial.TlsSettings, string]> = [
        [{ tlsCa: join(folder, "none") }, `tls_ca: ${join(folder, "none")} cannot be read (NotFound)`],
        [{ tlsCa: join(folder, "notes") }, "tls_ca: holds no certificate as PEM"],
        [{ tlsCa: join(folder, "huge") }, `tls_ca: ${join(folder, "huge")} is larger than 1048576 bytes`],
        [{ tlsCa: key }, "tls_ca: holds no certificate as PEM"],
        [{ tlsCertificate: certificate }, "tls_key: is missing, and tls_certificate is there"],
        [{ tlsKey: Redacted.make(key) }, "tls_certificate: is missing, and tls_key is there"],
        [
          { tlsCertificate: certificate, tlsKey: Redacted.make(join(folder, "ca.pem")) },
          "tls_key: holds no private key as PEM"
        ],
        [{ tlsCertificate: certificate, tlsKey: Redacted.make(pasted) }, "tls_key: the file cannot be read (NotFound)"]
      ]
      for (const [settings, message] of cases) {
        const error = yield* Effect.flip(load(settings))
        assert.strictEqual(error.message, message)
        assert.notInclude(`${String(error)} ${JSON.stringify(error)}`, "c2VjcmV0")
      }
    })
  )
})
