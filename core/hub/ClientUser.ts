/** The user on whose behalf a client connects, for the limit by user; undefined when nobody is known. */
import { Context } from "effect"

export const ClientUser = Context.Reference<string | undefined>("core/hub/ClientUser", {
  defaultValue: () => undefined
})
