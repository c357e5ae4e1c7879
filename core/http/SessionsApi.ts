/** Endpoints by which people log in, and about whoever makes the request. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { Limits, Role } from "../domain/Access.ts"
import {
  accessErrors,
  AccountConflict,
  DatabaseAway,
  DatabaseTimeout,
  Internal,
  InvalidRequest,
  PasswordRefusedBody,
  PayloadTooLarge,
  publicErrors,
  TooManyAttemptsBody,
  Unauthorized,
  UnknownUserBody,
  UnsupportedMediaType
} from "./ErrorBody.ts"
import { done } from "./NoAnswer.ts"
import { RouteAccess } from "./RouteAccess.ts"
import { Password, secretText } from "./SecretField.ts"

const isoTime = Schema.String.annotate({ description: "ISO 8601" })

/** Somebody who was let in, with the rights of this moment. */
export const Me = Schema.Struct({
  username: Schema.String,
  actor: Schema.String.annotate({
    description: "As in the activity log: with the name of the API token, if it is one"
  }),
  role: Role,
  limits: Schema.Array(Limits).annotate({ description: "All of them have to allow what is seen and done" }),
  via: Schema.Literals(["session", "token", "anonymous"]),
  session: Schema.optionalKey(Schema.String.annotate({ description: "Its id" })),
  csrf_token: Schema.optionalKey(
    Schema.String.annotate({ description: "What requests with a cookie send in `x-csrf-token`" })
  )
})
export type Me = typeof Me.Type

const Login = Schema.Struct({
  username: Schema.String.check(
    Schema.isMinLength(1, { message: "expected the name of a user" }),
    Schema.isMaxLength(256, { message: "expected a name of at most 256 characters" })
  ),
  password: Password,
  cookie: Schema.optionalKey(
    Schema.Boolean.annotate({ description: "Answer with cookies for a browser, and with no token in the body" })
  )
})

const Refresh = Schema.Struct({
  refresh_token: Schema.optionalKey(
    secretText("the refresh token").annotate({ description: "Left out, that of the cookie counts" })
  )
})

/** A session as its owner gets it. The tokens are left out where cookies hold them. */
export const Granted = Schema.Struct({
  token: Schema.optionalKey(Schema.String.annotate({ description: "Goes into `Authorization: Bearer`" })),
  expires: isoTime,
  refresh_token: Schema.optionalKey(Schema.String.annotate({ description: "Gives the next pair, once" })),
  session_expires: isoTime,
  csrf_token: Schema.String,
  user: Me
})
export type Granted = typeof Granted.Type

const PasswordChange = Schema.Struct({ present: Password, next: Password })

const Ticket = Schema.Struct({
  ticket: Schema.String.annotate({ description: "For `?ticket=` of /api/ws, once, within half a minute" })
})

const bodyErrors = [InvalidRequest, PayloadTooLarge, UnsupportedMediaType, Internal] as const

const loginErrors = [
  ...publicErrors,
  ...bodyErrors,
  Unauthorized,
  TooManyAttemptsBody,
  DatabaseAway,
  DatabaseTimeout
] as const

export class SessionsApi extends HttpApiGroup.make("auth")
  .add(
    HttpApiEndpoint.post("login", "/auth/login", { payload: Login, success: Granted, error: loginErrors })
      .annotate(RouteAccess, "public")
      .annotate(OpenApi.Summary, "Log in")
      .annotate(
        OpenApi.Description,
        "Begins a session. Every failure has the same answer, so that it does not tell which names exist."
      ),
    HttpApiEndpoint.post("refresh", "/auth/refresh", { payload: Refresh, success: Granted, error: loginErrors })
      .annotate(RouteAccess, "public")
      .annotate(OpenApi.Summary, "The next pair of tokens of a session")
      .annotate(
        OpenApi.Description,
        "For the refresh token of the last pair, which is used up by that. Used again it ends the session."
      ),
    HttpApiEndpoint.post("logout", "/auth/logout", {
      success: done,
      error: [...accessErrors, InvalidRequest, Internal, DatabaseTimeout]
    })
      .annotate(RouteAccess, "viewer")
      .annotate(OpenApi.Summary, "End the session of this request")
      .annotate(OpenApi.Description, "Its tokens let nobody in any more, and its open sockets end."),
    HttpApiEndpoint.get("me", "/auth/me", { success: Me, error: [...accessErrors, Internal] })
      .annotate(RouteAccess, "viewer")
      .annotate(OpenApi.Summary, "Who makes this request")
      .annotate(OpenApi.Description, "With the rights of this moment."),
    HttpApiEndpoint.post("password", "/auth/password", {
      payload: PasswordChange,
      success: done,
      error: [
        ...accessErrors,
        ...bodyErrors,
        PasswordRefusedBody,
        UnknownUserBody,
        TooManyAttemptsBody,
        DatabaseTimeout
      ]
    })
      .annotate(RouteAccess, "viewer")
      .annotate(OpenApi.Summary, "Change your own password")
      .annotate(OpenApi.Description, "Asks for the present one. Other sessions of the user end."),
    HttpApiEndpoint.post("ticket", "/auth/ticket", {
      success: Ticket,
      error: [...accessErrors, InvalidRequest, AccountConflict, Internal]
    })
      .annotate(RouteAccess, "viewer")
      .annotate(OpenApi.Summary, "A ticket for one WebSocket")
      .annotate(OpenApi.Description, "For clients that can set no header when they open /api/ws.")
  )
  .prefix("/api")
  .annotate(OpenApi.Description, "Logging in, and whoever is logged in.") {}
