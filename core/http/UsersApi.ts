/** Endpoints about users, for administrators. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { Limits, Role } from "../domain/Access.ts"
import { SessionView, Username, UserView } from "../domain/Account.ts"
import {
  accessErrors,
  AccountConflict,
  DatabaseTimeout,
  Internal,
  InvalidRequest,
  PasswordRefusedBody,
  PayloadTooLarge,
  UnknownUserBody,
  UnsupportedMediaType
} from "./ErrorBody.ts"
import { done } from "./NoAnswer.ts"
import { RouteAccess } from "./RouteAccess.ts"
import { Password } from "./SecretField.ts"

const params = { username: Username.annotate({ description: "Name of the user" }) }

const NewUser = Schema.Struct({
  username: Username,
  password: Password,
  role: Role,
  limits: Schema.optionalKey(Limits)
})

const UserChange = Schema.Struct({
  role: Schema.optionalKey(Role),
  disabled: Schema.optionalKey(Schema.Boolean),
  limits: Schema.optionalKey(Limits),
  password: Schema.optionalKey(Password)
})

const lookErrors = [...accessErrors, InvalidRequest, UnknownUserBody, Internal] as const
const changeErrors = [...lookErrors, DatabaseTimeout] as const
const bodyErrors = [PasswordRefusedBody, AccountConflict, PayloadTooLarge, UnsupportedMediaType] as const

export class UsersApi extends HttpApiGroup.make("users")
  .add(
    HttpApiEndpoint.get("list", "/users", {
      success: Schema.Struct({ users: Schema.Array(UserView) }),
      error: [...accessErrors, Internal]
    })
      .annotate(OpenApi.Summary, "All users")
      .annotate(OpenApi.Description, "From memory: answers while the database is away too."),
    HttpApiEndpoint.post("create", "/users", {
      payload: NewUser,
      success: UserView.annotate({ httpApiStatus: 201, description: "The new user; `location` is where it is." }),
      error: [...accessErrors, InvalidRequest, Internal, DatabaseTimeout, ...bodyErrors]
    })
      .annotate(OpenApi.Summary, "Add a user")
      .annotate(OpenApi.Description, "Without `limits` all nodes and programs are in reach."),
    HttpApiEndpoint.get("get", "/users/:username", { params, success: UserView, error: lookErrors })
      .annotate(OpenApi.Summary, "One user")
      .annotate(OpenApi.Description, "Without the password, which nobody can read."),
    HttpApiEndpoint.patch("change", "/users/:username", {
      params,
      payload: UserChange,
      success: UserView,
      error: [...changeErrors, ...bodyErrors]
    })
      .annotate(OpenApi.Summary, "Change a user")
      .annotate(
        OpenApi.Description,
        "What is left out stays. It acts at once, on open sockets too; a new password ends the sessions of the user, " +
          "except the one that asks."
      ),
    HttpApiEndpoint.delete("remove", "/users/:username", {
      params,
      success: done,
      error: [...changeErrors, AccountConflict]
    })
      .annotate(OpenApi.Summary, "Remove a user")
      .annotate(OpenApi.Description, "With all sessions and API tokens of the user, at once."),
    HttpApiEndpoint.get("sessions", "/users/:username/sessions", {
      params,
      success: Schema.Struct({ sessions: Schema.Array(SessionView) }),
      error: lookErrors
    })
      .annotate(OpenApi.Summary, "The sessions of a user")
      .annotate(OpenApi.Description, "Those that let in now."),
    HttpApiEndpoint.delete("endSessions", "/users/:username/sessions", { params, success: done, error: changeErrors })
      .annotate(OpenApi.Summary, "End all sessions of a user")
      .annotate(OpenApi.Description, "At once. API tokens stay.")
  )
  .prefix("/api")
  .annotate(RouteAccess, "admin")
  .annotate(OpenApi.Description, "Who may use the console.") {}
