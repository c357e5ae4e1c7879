/** Requests to a console that may be gone at any moment. */
import { randomUUID } from "node:crypto"

const answerMsMax = 30_000

export interface Answer {
  /** 0 when there was none: nobody knows what became of the request. */
  readonly status: number
  readonly body: unknown
  /** In the activity log too. */
  readonly requestId: string
}

export interface Ask {
  readonly method?: "GET" | "POST" | "PATCH" | "DELETE"
  readonly path: string
  readonly body?: unknown
  readonly token?: string | undefined
}

export const ask = async (url: string, { body, method = "GET", path, token }: Ask): Promise<Answer> => {
  const requestId = randomUUID()
  try {
    const response = await fetch(`${url}${path}`, {
      method,
      signal: AbortSignal.timeout(answerMsMax),
      headers: {
        "x-request-id": requestId,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" })
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    })
    const text = await response.text()
    const parsed: unknown = text === "" ? undefined : JSON.parse(text)
    return { status: response.status, body: parsed, requestId }
  } catch {
    // It was killed before, within or after its work.
    return { status: 0, body: undefined, requestId }
  }
}

export const isDone = ({ status }: Answer): boolean => status >= 200 && status < 300

/** It may have been done all the same. */
export const isUnknown = ({ status }: Answer): boolean => status === 0 || status === 504

/** The value below these names, of whatever came. */
export const at = (value: unknown, ...names: ReadonlyArray<string>): unknown =>
  names.reduce<unknown>(
    (inner, name) => (typeof inner === "object" && inner !== null ? Reflect.get(inner, name) : undefined),
    value
  )

export const listAt = (value: unknown, name: string): ReadonlyArray<unknown> => {
  const found = at(value, name)
  return Array.isArray(found) ? found : []
}
