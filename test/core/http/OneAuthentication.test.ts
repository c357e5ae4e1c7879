/**
 * P7 on the source: one module looks for credentials in requests, one lets anybody in by them, one puts that around all
 * routes, and no other middleware exists. On the syntax, see `AuthenticationUses`; and that finds one which is there.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { authenticationUses, importsOf, type Use } from "./AuthenticationUses.ts"

const root = join(import.meta.dirname, "../../..")

const sources = readdirSync(join(root, "core"), { recursive: true })
  .map((path) => `core/${String(path).replaceAll("\\", "/")}`)
  .filter((path) => path.endsWith(".ts") && !path.endsWith(".d.ts"))
  .toSorted()
  .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }))

const found = sources.map(({ path, text }) => ({
  path,
  uses: authenticationUses(path, text),
  imports: importsOf(path, text)
}))
const files = (use: Use) => found.filter(({ uses }) => uses.has(use)).map(({ path }) => path)
const importers = (name: string) => found.filter(({ imports }) => imports.has(name)).map(({ path }) => path)

describe("the console", () => {
  it("looks for credentials in one module", () => {
    // In `SessionsHandlers`, `cookie` is a field of the body of a login.
    assert.deepStrictEqual(files("credentials"), ["core/http/Credentials.ts", "core/http/SessionsHandlers.ts"])
    assert.deepStrictEqual(importers("presented"), ["core/http/Authentication.ts"])
    // The refresh token lets nobody in: it gives the next pair of tokens.
    assert.deepStrictEqual(importers("presentedRefresh"), ["core/http/SessionsHandlers.ts"])
  })

  it("lets people in by one module", () => {
    assert.deepStrictEqual(files("verdict"), ["core/http/Authentication.ts"])
  })

  it("has that around all routes at once, and nothing beside it", () => {
    assert.deepStrictEqual(importers("authenticated"), ["core/http/Middleware.ts"])
    assert.deepStrictEqual(importers("middleware"), ["core/Console.ts"])
    assert.deepStrictEqual(files("middleware"), [])
  })

  it("answers 401 by one refusal, from few places", () => {
    assert.deepStrictEqual(files("refusal"), [
      // A password or a token in the body was wrong.
      "core/http/AccountErrors.ts",
      "core/http/AccountRights.ts",
      "core/http/Authentication.ts",
      "core/http/SessionsHandlers.ts"
    ])
  })
})

const second = "core/http/Second.ts"

/** Ways to bring in a second one, as somebody in a hurry would write them. */
const others: ReadonlyArray<readonly [what: string, use: Use, text: string]> = [
  ["reads a header", "credentials", `const of = (request) => request.headers["authorization"]`],
  ["takes a header out of all", "credentials", `const of = ({ headers: { authorization } }) => authorization`],
  ["takes cookies", "credentials", `const of = (request) => request.cookies.session`],
  [
    "asks for a header by its name",
    "credentials",
    `const of = (request) => Headers.get(request.headers, "Authorization")`
  ],
  ["asks the accounts", "verdict", `const f = (accounts, token) => accounts.authenticate(token)`],
  ["takes a method of the accounts", "verdict", `const f = ({ redeemTicket }) => redeemTicket("x")`],
  [
    "compares roles under another name",
    "verdict",
    `import { isAtLeast as enough } from "../domain/Access.ts"\nexport const f = (role) => enough(role, "admin")`
  ],
  [
    "defines a middleware of an API",
    "middleware",
    `import { HttpApiMiddleware as M } from "effect/http-api"\nexport class Auth extends M.Service()("Auth", {}) {}`
  ],
  [
    "defines a middleware of a router",
    "middleware",
    `import { HttpRouter } from "effect/http"\nexport const layer = HttpRouter.middleware((app) => app)`
  ],
  ["puts one around a router", "middleware", `const f = (router) => router.addGlobalMiddleware((app) => app)`],
  [
    "declares a scheme of its own",
    "middleware",
    `import { HttpApiSecurity } from "effect/http-api"\nexport const bearer = HttpApiSecurity.bearer`
  ],
  ["answers 401", "refusal", `const f = (HttpServerResponse) => HttpServerResponse.empty({ status: 401 })`],
  ["sets 401", "refusal", `const f = (S, response) => S.setStatus(response, 401)`],
  [
    "refuses by itself",
    "refusal",
    `import { unauthorized as no } from "./Refusal.ts"\nexport const f = () => no("missing")`
  ]
]

describe("a second authentication", () => {
  for (const [what, use, text] of others) {
    it(`is found that ${what}`, () => assert.deepStrictEqual([...authenticationUses(second, text)], [use]))
  }

  it("is none in comments, texts and types", () => {
    const text = [
      `/** Reads request.headers["authorization"] and answers 401 by HttpRouter.middleware. */`,
      `import type { HttpApiMiddleware } from "effect/http-api"`,
      `export const help = "accounts.authenticate(token), status: 401"`,
      `export type M = HttpApiMiddleware.AnyService`,
      `export const port = 401`
    ].join("\n")
    assert.deepStrictEqual([...authenticationUses(second, text)], [])
  })
})
