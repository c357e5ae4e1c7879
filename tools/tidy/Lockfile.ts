/**
 * Keeps package-lock.json whole. A registry that mirrors the builds for some platforms only makes `npm install` leave
 * the others out of the lockfile, and `npm ci` then refuses it everywhere. The entries left out are told by name, and
 * can be put back without the registry: an optional build has the version of the package that asks for it, and its
 * platform is in its name. They carry no checksum; npm skips them on every platform but their own.
 */
import type { Finding } from "./Finding.ts"

type Json = Record<string, unknown>

const isJson = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value)

/** A dependency that the lockfile names and does not hold. */
export interface Missing {
  /** The path of the package that asks for it, such as `node_modules/oxlint`. */
  readonly by: string
  readonly name: string
  /** The version or range that is asked for. */
  readonly version: string
  readonly optional: boolean
}

/** The dependencies that a lockfile, decoded from JSON, names and does not hold. */
export const missingFromLockfile = (lockfile: unknown): ReadonlyArray<Missing> => {
  const packages = packagesOf(lockfile)
  return Object.entries(packages).flatMap(([path, entry]) => {
    if (!isJson(entry)) return []
    const ask = (field: string, optional: boolean) =>
      Object.entries(isJson(entry[field]) ? entry[field] : {}).flatMap(([name, version]): ReadonlyArray<Missing> =>
        typeof version !== "string" || isHeld(packages, path, name) ? [] : [{ by: path, name, version, optional }]
      )
    return [...ask("dependencies", false), ...ask("optionalDependencies", true), ...ask("devDependencies", false)]
  })
}

/** The lockfile with the missing optional builds put back. Other missing packages stay missing. */
export const completeLockfile = (lockfile: unknown): unknown => {
  if (!isJson(lockfile)) return lockfile
  const packages = packagesOf(lockfile)
  const added = missingFromLockfile(lockfile).flatMap((missing): ReadonlyArray<readonly [string, unknown]> => {
    const parent = packages[missing.by]
    const platform = platformOf(missing.name)
    if (!missing.optional || !isJson(parent) || platform === undefined || !isExact(missing.version)) return []
    const flags = Object.fromEntries(
      ["dev", "peer", "license"].flatMap((key) => (key in parent ? [[key, parent[key]]] : []))
    )
    const rest = Object.entries({ ...platform, ...flags, optional: true }).toSorted(byKey)
    return [[`node_modules/${missing.name}`, { version: missing.version, ...Object.fromEntries(rest) }]]
  })
  const all = [...Object.entries(packages), ...added].toSorted(byKey)
  return { ...lockfile, packages: Object.fromEntries(all) }
}

/** The finding for each dependency that is missing. */
export const checkLockfile = (file: string, text: string): ReadonlyArray<Finding> =>
  missingFromLockfile(JSON.parse(text)).map(({ by, name }) => ({
    file,
    line: text.slice(0, Math.max(0, text.indexOf(`"${by}": {`))).split("\n").length,
    column: 1,
    rule: "lockfile",
    subject: name,
    message: `${by} needs ${name}, which is missing, so npm ci fails; use node tools/lockfile.ts to put it back`
  }))

/** The order in which npm writes them, so that the next `npm install` changes nothing. */
const byKey = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : a > b ? 1 : 0)

const packagesOf = (lockfile: unknown): Json =>
  isJson(lockfile) && isJson(lockfile["packages"]) ? lockfile["packages"] : {}

/** As Node looks a package up: in the node_modules of the one that asks, then of each directory above. */
const isHeld = (packages: Json, path: string, name: string): boolean => {
  if (`${path === "" ? "" : `${path}/`}node_modules/${name}` in packages) return true
  if (path === "") return false
  const cut = path.lastIndexOf("/node_modules/")
  return isHeld(packages, cut < 0 ? "" : path.slice(0, cut), name)
}

const isExact = (version: string): boolean => /^\d+\.\d+\.\d+/.test(version)

const systems: ReadonlySet<string> = new Set([
  "aix",
  "android",
  "darwin",
  "freebsd",
  "linux",
  "netbsd",
  "openbsd",
  "openharmony",
  "sunos",
  "win32"
])
const processors: ReadonlySet<string> = new Set([
  "arm",
  "arm64",
  "ia32",
  "loong64",
  "mips64el",
  "ppc64",
  "riscv64",
  "s390x",
  "x64"
])

/** What `oxlint/binding-linux-x64-musl` is built for, in npm's words; `undefined` where the name does not tell. */
const platformOf = (name: string): Json | undefined => {
  const words = name.split(/[/-]/)
  const os = words.find((word) => systems.has(word))
  const cpu = words.find((word) => processors.has(word))
  if (os === undefined || cpu === undefined) return undefined
  const abi = words.at(-1) ?? ""
  const libc =
    os !== "linux" ? undefined : abi.startsWith("musl") ? "musl" : abi.startsWith("gnu") ? "glibc" : undefined
  return { cpu: [cpu], os: [os], ...(libc === undefined ? {} : { libc: [libc] }) }
}
