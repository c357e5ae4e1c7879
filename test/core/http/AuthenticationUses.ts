/**
 * What in a source has to do with letting people in, found on its syntax with the names followed to where they come
 * from: no comment, string or type counts, and a name under which something is imported hides nothing.
 */
import type { Node } from "oxc-parser"
import { descendants, references } from "../../../tools/tidy/References.ts"
import { parseSource } from "../../../tools/tidy/SourceFile.ts"

/**
 * - `credentials`: looks for a token in the headers of a request.
 * - `verdict`: asks the accounts, or the principal, whether somebody is let in.
 * - `middleware`: defines something of Effect's that goes around routes, or reads a scheme of credentials.
 * - `refusal`: answers with the status 401, or by whatever is made for that.
 */
export type Use = "credentials" | "verdict" | "middleware" | "refusal"

/** Headers, and what requests have of them already taken apart. */
const credentialNames: ReadonlySet<string> = new Set(["authorization", "cookie", "cookies", "proxy-authorization"])

const verdicts: ReadonlySet<string> = new Set(["authenticate", "redeemTicket", "anonymous", "isAtLeast"])

/** By module: what makes a middleware. `serve` and `toHttpEffect` take one as an argument. */
const makers: Readonly<Record<string, ReadonlySet<string>>> = {
  HttpApiMiddleware: new Set(["Service", "layerSchemaErrorTransform"]),
  HttpMiddleware: new Set(["make"]),
  HttpRouter: new Set(["middleware", "cors"]),
  HttpApiSecurity: new Set(["bearer", "basic", "apiKey", "http"]),
  HttpApiBuilder: new Set(["securityDecode", "middleware", "securitySetCookie"])
}

/** Methods of a router that put something around its routes. */
const around: ReadonlySet<string> = new Set(["addGlobalMiddleware"])

const refusers: ReadonlySet<string> = new Set(["unauthorized"])

const nameOf = (node: Node): string | undefined =>
  node.type === "Identifier"
    ? node.name
    : node.type === "Literal" && typeof node.value === "string"
      ? node.value
      : undefined

/** `a.b`, `a["b"]` and `{ b }` taken out of an object. */
const taken = (node: Node): ReadonlyArray<string | undefined> => {
  if (node.type === "MemberExpression") return [nameOf(node.property)]
  if (node.type !== "ObjectPattern") return []
  return node.properties.map((property) => (property.type === "Property" ? nameOf(property.key) : undefined))
}

/** A header may be asked for by a function, `get(headers, "authorization")`, or by a schema. */
const asked = (node: Node): ReadonlyArray<string | undefined> => {
  if (node.type === "CallExpression") return node.arguments.filter(({ type }) => type === "Literal").map(nameOf)
  return []
}

const isStatus401 = (node: Node): boolean =>
  (node.type === "Property" && nameOf(node.key) === "status" && node.value.type === "Literal"
    ? node.value.value === 401
    : false) ||
  (node.type === "CallExpression" &&
    node.callee.type === "MemberExpression" &&
    nameOf(node.callee.property) === "setStatus" &&
    node.arguments.some((argument) => argument.type === "Literal" && argument.value === 401))

/** All uses in a source, each kind once. */
export const authenticationUses = (path: string, text: string): ReadonlySet<Use> => {
  const { program, syntaxErrors } = parseSource(path, text)
  if (syntaxErrors.length > 0) throw new Error(`${path}: ${JSON.stringify(syntaxErrors)}`)
  const uses = new Set<Use>()
  for (const node of descendants(program)) {
    for (const name of [...taken(node), ...asked(node)]) {
      if (name !== undefined && credentialNames.has(name.toLowerCase())) uses.add("credentials")
    }
    if (taken(node).some((name) => name !== undefined && verdicts.has(name))) uses.add("verdict")
    if (taken(node).some((name) => name !== undefined && around.has(name))) uses.add("middleware")
    if (isStatus401(node)) uses.add("refusal")
  }
  for (const { ancestors, binding } of references(program)) {
    if (binding?._tag !== "Import") continue
    const { imported } = binding
    const [parent] = ancestors
    const member = parent?.type === "MemberExpression" ? nameOf(parent.property) : undefined
    if (verdicts.has(imported)) uses.add("verdict")
    if (refusers.has(imported)) uses.add("refusal")
    if (member !== undefined && makers[imported]?.has(member) === true) uses.add("middleware")
  }
  return uses
}

/** The names that a source imports, as they are called where they come from. */
export const importsOf = (path: string, text: string): ReadonlySet<string> =>
  new Set(
    parseSource(path, text).program.body.flatMap((statement) =>
      statement.type === "ImportDeclaration"
        ? statement.specifiers.map((each) => (each.type === "ImportSpecifier" ? (nameOf(each.imported) ?? "") : ""))
        : []
    )
  )
