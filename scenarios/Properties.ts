/** All properties, in the order of their numbers. */
import { P1 } from "./properties/P01HubRaceFreedom.ts"
import { P2 } from "./properties/P02DeliveryOrder.ts"
import { P4 } from "./properties/P04FleetStateSafety.ts"
import type { Property } from "./Property.ts"

export const properties: ReadonlyArray<Property> = [P1, P2, P4]
