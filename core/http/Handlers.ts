/** What the endpoints of the API do, by group: decoded input in, a call of a service, its errors in the one shape. */
import { Layer } from "effect"
import * as ActivityHandlers from "./ActivityHandlers.ts"
import * as BatchesHandlers from "./BatchesHandlers.ts"
import * as ConfigHandlers from "./ConfigHandlers.ts"
import * as HealthHandlers from "./HealthHandlers.ts"
import * as NodesHandlers from "./NodesHandlers.ts"
import * as ProcessesHandlers from "./ProcessesHandlers.ts"
import * as SessionsHandlers from "./SessionsHandlers.ts"
import * as TokensHandlers from "./TokensHandlers.ts"
import * as UsersHandlers from "./UsersHandlers.ts"

export const layer = Layer.mergeAll(
  NodesHandlers.layer,
  ProcessesHandlers.layer,
  BatchesHandlers.layer,
  HealthHandlers.layer,
  SessionsHandlers.layer,
  TokensHandlers.layer,
  UsersHandlers.layer,
  ConfigHandlers.layer,
  ActivityHandlers.layer
)
