/** The suite: every bug with its twin, by file name. Strategies and shrinking are measured against it. */
import type { Bug } from "./Bug.ts"
import { barrierReuse } from "./BarrierReuse.ts"
import { broadcastSkips } from "./BroadcastSkips.ts"
import { cancelledTimer } from "./CancelledTimer.ts"
import { configGoesBack } from "./ConfigGoesBack.ts"
import { connectionLeak } from "./ConnectionLeak.ts"
import { diningPhilosophers } from "./DiningPhilosophers.ts"
import { doubleClose } from "./DoubleClose.ts"
import { doubleInitialisation } from "./DoubleInitialisation.ts"
import { earlyShutdown } from "./EarlyShutdown.ts"
import { freeListAba } from "./FreeListAba.ts"
import { halfBuilt } from "./HalfBuilt.ts"
import { halfTransfer } from "./HalfTransfer.ts"
import { ifInsteadOfWhile } from "./IfInsteadOfWhile.ts"
import { lateSubscriber } from "./LateSubscriber.ts"
import { leaderLease } from "./LeaderLease.ts"
import { lockOrder } from "./LockOrder.ts"
import { lostItem } from "./LostItem.ts"
import { lostUpdate } from "./LostUpdate.ts"
import { missedWakeUp } from "./MissedWakeUp.ts"
import { permitLeak } from "./PermitLeak.ts"
import { publishBeforeCommit } from "./PublishBeforeCommit.ts"
import { refCount } from "./RefCount.ts"
import { refundAndShip } from "./RefundAndShip.ts"
import { retryTwice } from "./RetryTwice.ts"
import { sleepingBarber } from "./SleepingBarber.ts"
import { staleCache } from "./StaleCache.ts"
import { tokenRefresh } from "./TokenRefresh.ts"
import { tornAudit } from "./TornAudit.ts"
import { unobservedFailure } from "./UnobservedFailure.ts"
import { upgradeDeadlock } from "./UpgradeDeadlock.ts"
import { workStealing } from "./WorkStealing.ts"
import { worstCount } from "./WorstCount.ts"
import { writerStarvation } from "./WriterStarvation.ts"

/** Each is found by the default strategy within 10,000 runs. */
export const bugs: ReadonlyArray<Bug> = [
  barrierReuse,
  broadcastSkips,
  cancelledTimer,
  configGoesBack,
  connectionLeak,
  diningPhilosophers,
  doubleClose,
  doubleInitialisation,
  earlyShutdown,
  freeListAba,
  halfBuilt,
  halfTransfer,
  ifInsteadOfWhile,
  lateSubscriber,
  leaderLease,
  lockOrder,
  lostItem,
  lostUpdate,
  missedWakeUp,
  permitLeak,
  publishBeforeCommit,
  refCount,
  refundAndShip,
  retryTwice,
  sleepingBarber,
  staleCache,
  tokenRefresh,
  tornAudit,
  unobservedFailure,
  upgradeDeadlock,
  workStealing,
  writerStarvation
]

/** Needs four exact preemptions, which 10,000 runs seldom hit; a search of all schedules finds it. */
export const deepBugs: ReadonlyArray<Bug> = [worstCount]
