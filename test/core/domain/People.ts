/** People with rights, for tests. */
import type { Limits, Principal, Role } from "../../../core/domain/Access.ts"

/** Somebody with a session of the same name, who sees what each of these limits leaves. */
export const person = (username: string, limits: ReadonlyArray<Limits> = [], role: Role = "operator"): Principal => ({
  username,
  userId: `id-${username}`,
  actor: username,
  credential: { _tag: "Session", sessionId: username },
  role,
  limits
})
