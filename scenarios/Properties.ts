/** All properties, in the order of their numbers. */
import { P1 } from "./properties/P01HubRaceFreedom.ts"
import { P2 } from "./properties/P02DeliveryOrder.ts"
import { P3 } from "./properties/P03SeparateCleanup.ts"
import { P4 } from "./properties/P04FleetStateSafety.ts"
import { P5 } from "./properties/P05BoundedRefresh.ts"
import { P6 } from "./properties/P06GracefulShutdown.ts"
import { P7 } from "./properties/P07OneAuthentication.ts"
import { P8 } from "./properties/P08ConsistentAuthentication.ts"
import { P9 } from "./properties/P09AtomicConfiguration.ts"
import { P10 } from "./properties/P10ValidationAndRollback.ts"
import { P11 } from "./properties/P11DatabaseResilience.ts"
import { P12 } from "./properties/P12TransactionHygiene.ts"
import { P13 } from "./properties/P13NestedTimeouts.ts"
import { P14 } from "./properties/P14CircuitBreaker.ts"
import { P15 } from "./properties/P15TimeoutCleanup.ts"
import { P16 } from "./properties/P16ErrorFormat.ts"
import { P17 } from "./properties/P17ValidationDetail.ts"
import { P18 } from "./properties/P18ErrorContext.ts"
import { P19 } from "./properties/P19ResourceLifecycle.ts"
import { P20 } from "./properties/P20SocketCleanup.ts"
import { P21 } from "./properties/P21ConnectionLimiting.ts"
import { P23 } from "./properties/P23Observability.ts"
import { P24 } from "./properties/P24HealthDetail.ts"
import { P25 } from "./properties/P25StructuredLogs.ts"
import { P22 } from "./properties/P22InputSecurity.ts"
import { P26 } from "./properties/P26ActivityLog.ts"
import { P27 } from "./properties/P27Degradation.ts"
import type { Property } from "./Property.ts"

export const properties: ReadonlyArray<Property> = [
  P1,
  P2,
  P3,
  P4,
  P5,
  P6,
  P7,
  P8,
  P9,
  P10,
  P11,
  P12,
  P13,
  P14,
  P15,
  P16,
  P17,
  P18,
  P19,
  P20,
  P21,
  P22,
  P23,
  P24,
  P25,
  P26,
  P27
]
