/** All scenarios of the real world. */
import type { Scenario } from "./Scenario.ts"
import { P2 } from "./scenarios/P02DeliveryOrder.ts"
import { P5 } from "./scenarios/P05BoundedRefresh.ts"
import { P6 } from "./scenarios/P06GracefulShutdown.ts"
import { P8 } from "./scenarios/P08ConsistentAuthentication.ts"
import { P10 } from "./scenarios/P10ValidationAndRollback.ts"
import { P11 } from "./scenarios/P11DatabaseResilience.ts"
import { P14 } from "./scenarios/P14CircuitBreaker.ts"
import { P16 } from "./scenarios/P16ErrorFormat.ts"
import { P20 } from "./scenarios/P20SocketCleanup.ts"
import { P23 } from "./scenarios/P23Observability.ts"
import { P24 } from "./scenarios/P24HealthDetail.ts"
import { P25 } from "./scenarios/P25StructuredLogs.ts"
import { P26 } from "./scenarios/P26ActivityLog.ts"

export const scenarios: ReadonlyArray<Scenario> = [P2, P5, P6, P8, P10, P11, P14, P16, P20, P23, P24, P25, P26]
