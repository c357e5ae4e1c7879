/** Users, sessions and API tokens as the API shows them. No secret is among them. */
import { Schema } from "effect"
import { Limits, Role } from "./Access.ts"

/** What a user can be called: it goes into paths, logs and metrics. */
export const Username = Schema.String.check(
  Schema.isPattern(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$/, {
    message: 'expected a user name of 1 to 63 letters, digits, ".", "_", "@" and "-" that begins with a letter or digit'
  })
)

const isoTime = Schema.String.annotate({ description: "ISO 8601" })

export const UserView = Schema.Struct({
  id: Schema.String,
  username: Schema.String,
  role: Role,
  limits: Limits,
  disabled: Schema.Boolean,
  created: isoTime,
  last_login: Schema.optionalKey(isoTime)
})
export type UserView = typeof UserView.Type

export const SessionView = Schema.Struct({
  id: Schema.String,
  created: isoTime,
  expires: isoTime,
  address: Schema.optionalKey(Schema.String),
  user_agent: Schema.optionalKey(Schema.String)
})
export type SessionView = typeof SessionView.Type

export const ApiTokenView = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  owner: Schema.String,
  role: Role,
  limits: Limits,
  created: isoTime,
  expires: Schema.optionalKey(isoTime),
  last_used: Schema.optionalKey(isoTime)
})
export type ApiTokenView = typeof ApiTokenView.Type
