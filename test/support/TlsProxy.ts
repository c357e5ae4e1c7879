/**
 * TLS in front of a supervisord, as a reverse proxy would be: it wants a certificate of its clients, and passes the
 * bytes on. Keys and certificates are made for the test with openssl, so that no private key lies about.
 */
import { execFile, spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { join } from "node:path"
import { createServer } from "node:tls"
import { Data, Effect, type Scope } from "effect"
import { temporaryFolder } from "./TemporaryFolder.ts"

/** openssl could not be run. */
export class OpensslError extends Data.TaggedError("OpensslError")<{ readonly message: string }> {}

/** A certificate and its key, as PEM. */
export interface Identity {
  readonly certificate: string
  readonly key: string
}

/** An authority and what it has signed: a server named localhost, and a client. */
export interface Certificates {
  readonly ca: string
  readonly server: Identity
  readonly client: Identity
  /** Where the files are: `ca.pem`, `client.pem`, `client.key`. */
  readonly folder: string
}

/** Whether openssl is installed here. */
export const hasOpenssl = spawnSync("openssl", ["version"]).error === undefined

/** Makes an authority and its certificates; gone with the scope. */
export const certificates: Effect.Effect<Certificates, OpensslError, Scope.Scope> = Effect.gen(function* () {
  const folder = yield* temporaryFolder
  const key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
  yield* openssl(folder, `req -x509 ${key} -days 1 -subj /CN=authority -keyout ca.key -out ca.pem`)
  writeFileSync(join(folder, "server.ext"), "subjectAltName=DNS:localhost\n")
  writeFileSync(join(folder, "client.ext"), "extendedKeyUsage=clientAuth\n")
  for (const name of ["server", "client"]) {
    yield* openssl(folder, `req ${key} -subj /CN=${name} -keyout ${name}.key -out ${name}.csr`)
    const signing = `-CA ca.pem -CAkey ca.key -CAcreateserial -days 1 -extfile ${name}.ext`
    yield* openssl(folder, `x509 -req -in ${name}.csr ${signing} -out ${name}.pem`)
  }
  const text = (name: string) => readFileSync(join(folder, name), "utf8")
  const identity = (name: string) => ({ certificate: text(`${name}.pem`), key: text(`${name}.key`) })
  return { ca: text("ca.pem"), server: identity("server"), client: identity("client"), folder }
})

/** Serves the port of this machine over TLS, to clients with a certificate of the authority; gives the URL. */
export const tlsProxy = (port: number, { ca, server: own }: Certificates): Effect.Effect<string, never, Scope.Scope> =>
  Effect.gen(function* () {
    const sockets = new Set<Socket>()
    const keep = (socket: Socket) => {
      sockets.add(socket)
      socket.on("close", () => sockets.delete(socket))
    }
    const options = { cert: own.certificate, key: own.key, ca, requestCert: true, rejectUnauthorized: true }
    const server = createServer(options, (outside) => {
      const inside = connect(port, "127.0.0.1")
      keep(inside)
      // What breaks on one side ends on the other.
      outside.on("error", () => inside.destroy())
      inside.on("error", () => outside.destroy())
      outside.on("close", () => inside.destroy())
      inside.on("close", () => outside.destroy())
      outside.pipe(inside).pipe(outside)
    })
    server.on("connection", keep)
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
      () =>
        Effect.callback<void>((resume) => {
          for (const socket of sockets) socket.destroy()
          server.close(() => resume(Effect.void))
        })
    )
    const address = server.address()
    return `https://localhost:${typeof address === "object" && address !== null ? address.port : 0}`
  })

const openssl = (folder: string, command: string) =>
  Effect.callback<void, OpensslError>((resume) => {
    execFile("openssl", command.split(" "), { cwd: folder }, (error, _, stderr) =>
      resume(error === null ? Effect.void : Effect.fail(new OpensslError({ message: stderr || error.message })))
    )
  })
