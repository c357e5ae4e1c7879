/** Who may use an endpoint. An endpoint that does not say so is for administrators. */
import { Context } from "effect"
import type { Role } from "../domain/Access.ts"

/** Nobody has to say who they are for a `public` one; all others ask for at least that role. */
export type Access = "public" | Role

/** Annotation of endpoints and groups. */
export const RouteAccess = Context.Reference<Access>("core/http/RouteAccess", { defaultValue: () => "admin" })
