/** Inputs of which it is known what is wrong with them: by endpoint, what is sound, and ways to spoil single fields. */
import type { HttpMethod } from "effect/http"

/** What a field is replaced with. A flaw of a part of a field names the part. */
export interface Flaw {
  /** As it has to be named, such as `body.password`. */
  readonly field: string
  /** The field at the top that is replaced, where another one than that is named. */
  readonly at?: string
  readonly value: unknown
}

/** Leaves the field out; JSON does so by itself. */
export const gone = Symbol("gone")

export interface Endpoint {
  readonly method: HttpMethod.HttpMethod
  /** With `:name` for what `params` gives. */
  readonly path: string
  readonly params?: Readonly<Record<string, string>>
  readonly query?: Readonly<Record<string, string>>
  readonly body?: Readonly<Record<string, unknown>>
  readonly flaws: ReadonlyArray<Flaw>
}

/** Ways in which one field is wrong. */
const each = (field: string, ...values: ReadonlyArray<unknown>): ReadonlyArray<Flaw> =>
  values.map((value) => ({ field, value }))

const role = each("body.role", gone, "root", 7, null)

/** What is wrong as a password by its form; `hush` is in whatever is sent in its place. */
const secret = (field: string, hush: string): ReadonlyArray<Flaw> =>
  each(field, gone, "", 4_711_471_147, [hush], { [hush]: hush }, hush.repeat(1_200), null)

/** A misspelt field, which holds what it was to hold. */
const misspelt = (name: string, hush: string): ReadonlyArray<Flaw> => each(`body.${name}`, hush, { deep: hush })

const node = each("params.node", "x\u0007y", "x".repeat(201), "a:b")
const inNode = [...node, ...each("params.group", "a:b", "\u202e\u0000"), ...each("params.name", "x/y")]
const processPath = "/api/nodes/:node/processes/:group/:name"
const inProcess = { node: "n0", group: "app", name: "api" }

/** By which people log in. */
const logins = (hush: string): ReadonlyArray<Endpoint> => [
  {
    method: "POST",
    path: "/api/auth/login",
    body: { username: "vera", password: hush },
    flaws: [
      ...each("body.username", gone, "", 5, "x".repeat(300)),
      ...secret("body.password", hush),
      ...misspelt("passwrod", hush),
      ...each("body.cookie", "yes")
    ]
  },
  {
    method: "POST",
    path: "/api/auth/refresh",
    body: {},
    flaws: [...each("body.refresh_token", "", [hush], 5, hush.repeat(1_000)), ...misspelt("refresh-token", hush)]
  },
  {
    method: "POST",
    path: "/api/auth/password",
    body: { present: hush, next: hush },
    flaws: [...secret("body.present", hush), ...secret("body.next", hush), ...misspelt("current", hush)]
  }
]

/** Of users and tokens. */
const accounts = (hush: string): ReadonlyArray<Endpoint> => [
  {
    method: "POST",
    path: "/api/users",
    body: { username: "nora", password: hush, role: "viewer" },
    flaws: [
      ...each("body.username", gone, "", "a b", "../x", "x".repeat(64)),
      ...secret("body.password", hush),
      ...role,
      ...misspelt("pasword", hush),
      { field: "body.limits.nodes.1", at: "body.limits", value: { nodes: ["web-*", 5] } },
      { field: "body.limits.programs.0", at: "body.limits", value: { programs: ["\n"] } },
      { field: "body.limits.groups", at: "body.limits", value: { groups: [] } },
      { field: "body.limits", value: "all" }
    ]
  },
  {
    method: "PATCH",
    path: "/api/users/:username",
    params: { username: "vera" },
    body: {},
    flaws: [
      ...each("params.username", " vera", "x".repeat(64), "'--"),
      ...each("body.role", "root", 7),
      ...each("body.disabled", "yes", 1),
      ...each("body.password", "", [hush], { [hush]: 1 }),
      ...misspelt("pasword", hush)
    ]
  },
  {
    method: "POST",
    path: "/api/tokens",
    body: { name: "ci", role: "viewer" },
    flaws: [
      ...each("body.name", gone, "", "-", "x".repeat(64), "a\nb"),
      ...role,
      ...each("body.expires", "tomorrow", 5, "2030-01-01"),
      ...misspelt("secret", hush)
    ]
  },
  {
    method: "DELETE",
    path: "/api/tokens/:id",
    params: { id: "x" },
    flaws: each("params.id", "a b", "x".repeat(65), "%")
  }
]

/** Of one process. */
const processes = (hush: string): ReadonlyArray<Endpoint> => [
  {
    method: "POST",
    path: `${processPath}/signal`,
    params: inProcess,
    body: { signal: "HUP" },
    flaws: [...inNode, ...each("body.signal", gone, "", "hup!", 1, "S"), ...misspelt("singal", hush)]
  },
  {
    method: "POST",
    path: `${processPath}/stdin`,
    params: inProcess,
    body: { chars: hush },
    flaws: [...inNode, ...each("body.chars", gone, "", [hush], hush.repeat(8_000)), ...misspelt("char", hush)]
  },
  {
    method: "POST",
    path: `${processPath}/:operation`,
    params: { ...inProcess, operation: "stop" },
    flaws: [...inNode, ...each("params.operation", "dance", "STOP")]
  },
  {
    method: "GET",
    path: `${processPath}/log`,
    params: inProcess,
    query: {},
    flaws: [
      ...inNode,
      ...each("query.channel", "both", ""),
      ...each("query.offset", "-1", "1.5", "x"),
      ...each("query.length", "0", "1e9"),
      ...each("query.lenght", "5")
    ]
  }
]

/** All else. */
const others = (hush: string): ReadonlyArray<Endpoint> => [
  {
    method: "POST",
    path: "/api/batches",
    body: { operation: { kind: "stop" }, select: [{ node: "n0" }], dry_run: true },
    flaws: [
      ...each("body.select", gone, "all"),
      { field: "body.select.0", at: "body.select", value: [] },
      { field: "body.select.0.node", at: "body.select", value: [{ node: "" }] },
      { field: "body.select.1.host", at: "body.select", value: [{ node: "n0" }, { host: "n0" }] },
      ...each("body.mode", "zigzag", 5),
      ...each("body.concurrency", 0, 257, 1.5, "2"),
      ...each("body.stop_after_failures", 0),
      ...each("body.timeout_ms", -1, 86_400_001),
      ...each("body.wait", "true"),
      ...each("body.tiemout_ms", 5)
    ]
  },
  { method: "GET", path: "/api/batches/:id", params: { id: "1" }, flaws: each("params.id", "x", "-1", "1.5") },
  {
    method: "GET",
    path: "/api/activity",
    query: {},
    flaws: [
      ...each("query.limit", "0", "x", "100000"),
      ...each("query.before", "-1", "1.5"),
      ...each("query.from", "tomorrow", "2026-13-01"),
      ...each("query.to", "2026-01-01T10:00"),
      ...each("query.outcome", "great"),
      ...each("query.text", "", "x".repeat(201)),
      ...each("query.password", hush)
    ]
  },
  {
    method: "GET",
    path: "/api/activity/export",
    query: { format: "csv" },
    flaws: [...each("query.format", gone, "xml"), ...each("query.actor", "", "x".repeat(2_000))]
  },
  {
    method: "GET",
    path: "/api/nodes",
    query: {},
    flaws: [...each("query.environment", "", "x".repeat(201)), ...each("query.node", "n0")]
  }
]

/** Every endpoint that takes input. `hush` is a text that no answer may hold. */
export const endpoints = (hush: string): ReadonlyArray<Endpoint> =>
  [logins, accounts, processes, others].flatMap((of) => of(hush))

const parts = ["params", "query", "body"] as const
type Part = (typeof parts)[number]

export interface WrongRequest {
  readonly method: HttpMethod.HttpMethod
  readonly path: string
  readonly body: string | undefined
  /** What has to be named, and nothing else. */
  readonly fields: ReadonlyArray<string>
}

/**
 * A request with all these flaws, of which those of the same field exclude each other: the first counts. A path that is
 * wrong is told before the query is read, and that before the body.
 */
export const spoilt = ({ body, method, params = {}, path, query }: Endpoint, flaws: ReadonlyArray<Flaw>) => {
  const values: Record<Part, Record<string, unknown>> = {
    params: { ...params },
    query: { ...query },
    body: { ...body }
  }
  const named = new Map<string, string>()
  for (const flaw of flaws) {
    const place = flaw.at ?? flaw.field
    if (named.has(place)) continue
    named.set(place, flaw.field)
    const part = parts.find((one) => place.startsWith(`${one}.`))
    const name = place.slice(place.indexOf(".") + 1)
    if (part === undefined) continue
    values[part][name] = flaw.value
  }
  const fields = [...named.values()].toSorted()
  const first = parts.find((part) => fields.some((field) => field.startsWith(`${part}.`)))
  const escaped = path.replaceAll(/:([a-z]+)/g, (_, name: string) => encodeURIComponent(String(values.params[name])))
  const search = Object.entries(values.query).flatMap(([name, value]) =>
    value === gone ? [] : [`${name}=${encodeURIComponent(String(value))}`]
  )
  const request: WrongRequest = {
    method,
    path: search.length === 0 ? escaped : `${escaped}?${search.join("&")}`,
    body: body === undefined ? undefined : JSON.stringify(values.body),
    fields: fields.filter((field) => field.startsWith(`${first}.`))
  }
  return request
}
