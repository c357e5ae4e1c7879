/**
 * The arrows of the house: who may import whom. runtime -> reports -> scenarios -> {core, sim}; core and sim know
 * nothing of each other, and meet in scenarios only. Packages from outside are let in by name.
 */
import type { Node } from "oxc-parser"
import type { Finding } from "./Finding.ts"
import { descendants } from "./References.ts"
import type { SourceFile } from "./SourceFile.ts"

interface House {
  /** Other houses whose files it may import. */
  readonly imports: ReadonlyArray<string>
  /** Packages it may import; `*` stands for any, `effect/*` for the modules of one. */
  readonly packages: ReadonlyArray<string>
  /** Modules of Node that one file of the house may import, and no second. */
  readonly inOneFile?: ReadonlyArray<string>
}

const effect = ["effect", "effect/*"]

/** Pure text in, values out: of `xmlrpc` the serializer and its element type, not its HTTP client and server. */
const codecs = ["xmlrpc/lib/serializer.js", "xmlrpc/lib/customtype.js", "saxes", "toml-eslint-parser"]

const houses: ReadonlyMap<string, House> = new Map<string, House>([
  ["core", { imports: [], packages: [...effect, ...codecs] }],
  [
    "sim",
    {
      imports: [],
      packages: [...effect, "fast-check"],
      inOneFile: ["node:crypto", "node:sqlite", "node:worker_threads"]
    }
  ],
  ["scenarios", { imports: ["core", "sim"], packages: [...effect, "fast-check"] }],
  ["reports", { imports: ["scenarios", "core", "sim"], packages: effect }],
  ["runtime", { imports: ["reports", "scenarios", "core", "sim"], packages: ["*"] }]
])

/** One import of a file, whatever its form. */
export interface Import {
  readonly file: string
  readonly specifier: string
  readonly start: number
}

/** All imports of a file: static, re-exported, dynamic, required, and of types. */
export const importsOf = (file: SourceFile): ReadonlyArray<Import> =>
  descendants(file.program).flatMap((node) => {
    const source = importedSource(node)
    return source === undefined ? [] : [{ file: file.path, ...source }]
  })

const importedSource = (node: Node): { readonly specifier: string; readonly start: number } | undefined => {
  switch (node.type) {
    case "ImportDeclaration":
    case "ExportAllDeclaration":
    case "ExportNamedDeclaration":
    case "ImportExpression":
    case "TSImportType":
      return literal(node.source)
    case "TSExternalModuleReference":
      return literal(node.expression)
    case "CallExpression":
      return node.callee.type === "Identifier" && node.callee.name === "require"
        ? literal(node.arguments[0])
        : undefined
    default:
      return undefined
  }
}

const literal = (node: Node | null | undefined): { readonly specifier: string; readonly start: number } | undefined =>
  node?.type === "Literal" && typeof node.value === "string" ? { specifier: node.value, start: node.start } : undefined

/** Imports of one file that the house rules do not allow. */
export const checkHouses = (file: SourceFile): ReadonlyArray<Finding> => {
  const name = houseOf(file.path)
  const house = houses.get(name)
  if (house === undefined) return []
  const imports = importsOf(file)
  const wrong = imports.flatMap((each) => {
    const message = isRelative(each.specifier) ? checkFile(name, house, each) : checkPackage(name, house, each)
    return message === undefined ? [] : [finding(file, each, message)]
  })
  return [...wrong, ...checkMeeting(name, file, imports)]
}

const checkFile = (name: string, house: House, { file, specifier }: Import): string | undefined => {
  const target = resolve(file, specifier)
  if (target === undefined) return `${specifier} is outside of the repository; depend on a package instead`
  const other = houseOf(target)
  if (other === name || house.imports.includes(other)) return undefined
  const allowed = [name, ...house.imports].map((each) => `${each}/`).join(", ")
  return `${name}/ does not import ${other}/ (${specifier}); import from ${allowed}, or move what both need there`
}

const checkPackage = (name: string, house: House, { specifier }: Import): string | undefined => {
  const known = [...house.packages, ...(house.inOneFile ?? [])]
  if (known.some((pattern) => matches(pattern, specifier))) return undefined
  const instead = specifier.startsWith("node:")
    ? "take it from a service that runtime/ provides"
    : `use one of ${house.packages.join(", ")}, or a service that runtime/ provides`
  return `${name}/ does not import ${specifier}; ${instead}`
}

/** A file of reports/ or runtime/ that imports both would be a second place where core and sim meet. */
const checkMeeting = (name: string, file: SourceFile, imports: ReadonlyArray<Import>): ReadonlyArray<Finding> => {
  if (name === "scenarios") return []
  const into = (house: string) =>
    imports.find((each) => isRelative(each.specifier) && houseOf(resolve(file.path, each.specifier) ?? "") === house)
  const core = into("core")
  const sim = into("sim")
  if (core === undefined || sim === undefined || name === "core" || name === "sim") return []
  const later = core.start > sim.start ? core : sim
  return [finding(file, later, "core/ and sim/ meet in scenarios/ only; import a scenario, or split the file")]
}

/** Modules of Node that more than one file of a house imports where one is the rule. */
export const checkOneFile = (files: ReadonlyArray<SourceFile>): ReadonlyArray<Finding> =>
  [...houses].flatMap(([name, house]) =>
    (house.inOneFile ?? []).flatMap((specifier) => {
      const users = files.filter(
        (file) => houseOf(file.path) === name && importsOf(file).some((each) => each.specifier === specifier)
      )
      const first = users[0]
      return users.slice(1).flatMap((file) =>
        importsOf(file)
          .filter((each) => each.specifier === specifier)
          .map((each) =>
            finding(file, each, `one file of ${name}/ imports ${specifier}, and ${first?.path} does; use that one`)
          )
      )
    })
  )

const finding = (file: SourceFile, { specifier, start }: Import, message: string): Finding => ({
  file: file.path,
  ...file.positionOf(start),
  rule: "house-arrows",
  subject: specifier,
  message
})

const houseOf = (path: string): string => path.split("/")[0] ?? ""

const isRelative = (specifier: string): boolean => /^\.{1,2}\//.test(specifier) || specifier.startsWith("/")

const matches = (pattern: string, specifier: string): boolean =>
  pattern === "*" || (pattern.endsWith("/*") ? specifier.startsWith(pattern.slice(0, -1)) : specifier === pattern)

/** The path that a relative specifier leads to; `undefined` where it leaves the repository. */
const resolve = (from: string, specifier: string): string | undefined => {
  if (specifier.startsWith("/")) return undefined
  const parts = from.split("/").slice(0, -1)
  for (const part of specifier.split("/")) {
    if (part === ".") continue
    if (part !== "..") parts.push(part)
    else if (parts.pop() === undefined) return undefined
  }
  return parts.join("/")
}
