/**
 * Every metric of the console: its name, what it says, and its labels. What is recorded, what `/metrics` answers and
 * the table of docs/metrics.md all come from here.
 *
 * Labels hold words of the code and names of the configuration, never what a request brings: so the number of series is
 * bounded by the configuration.
 */

export interface Family {
  readonly name: string
  readonly type: "counter" | "gauge" | "histogram"
  readonly help: string
  readonly labels: ReadonlyArray<string>
  /** Upper bounds of the buckets of a histogram. */
  readonly boundaries?: ReadonlyArray<number>
}

const gauge = (name: string, help: string, ...labels: ReadonlyArray<string>): Family => ({
  name,
  type: "gauge",
  help,
  labels
})

const counter = (name: string, help: string, ...labels: ReadonlyArray<string>): Family => ({
  name,
  type: "counter",
  help,
  labels
})

const histogram = (
  name: string,
  boundaries: ReadonlyArray<number>,
  help: string,
  ...labels: ReadonlyArray<string>
): Family & { readonly boundaries: ReadonlyArray<number> } => ({ name, type: "histogram", help, labels, boundaries })

/** Seconds: what is answered from memory or by a node nearby. */
const quick = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Seconds: operations wait for programs, which may take minutes. */
const slow = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]

/** Seconds: from what nobody notices to what everybody does. */
const waits = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

const fleet = {
  nodes: gauge("muster_nodes", "Nodes by status: connecting, up or down", "status"),
  nodesStale: gauge("muster_nodes_stale", "Nodes of which what is shown is not fresh"),
  nodeUp: gauge("muster_node_up", "Whether the last poll of the node succeeded: 1 or 0", "node", "environment"),
  nodeBreaker: gauge("muster_node_breaker_state", "Circuit breaker of the node: 0 closed, 1 half-open, 2 open", "node"),
  processes: gauge("muster_processes", "Processes of the whole fleet by state, as last reported", "state"),
  nodeProcesses: gauge(
    "muster_node_processes",
    "Processes of a node by state, as last reported; states without any are left out",
    "node",
    "state"
  ),
  poll: histogram(
    "muster_poll_seconds",
    quick,
    "Polls that were sent to nodes: time until the answer. outcome is ok, or the reason of the failure",
    "outcome"
  ),
  nodeCall: histogram(
    "muster_node_call_seconds",
    quick,
    "Other calls that were sent to nodes: time until the answer",
    "call",
    "outcome"
  ),
  operation: histogram(
    "muster_operation_seconds",
    slow,
    "Operations on processes, those of batches included: time until the outcome was observed. outcome is done, " +
      "unchanged, failed or timeout; error when the node could not be asked; interrupted when it was given up",
    "kind",
    "outcome"
  ),
  batches: gauge("muster_batches", "Batches that are kept, by status", "status")
} as const

const hub = {
  clients: gauge("muster_hub_clients", "Clients of the WebSocket hub that are connected"),
  sessions: gauge("muster_hub_sessions", "Sessions of the hub that are not over"),
  logs: gauge("muster_hub_logs", "Logs that clients follow, those of each client counted"),
  sequence: gauge("muster_hub_sequence", "Number of the newest event"),
  joined: counter("muster_hub_joined_total", "Clients that joined"),
  left: counter("muster_hub_left_total", "Clients that left, or had to"),
  slow: counter("muster_hub_slow_clients_total", "Clients that had to go because they did not read fast enough"),
  refused: counter("muster_hub_refused_total", "Clients that were not admitted"),
  frames: counter("muster_hub_frames_sent_total", "Frames that connections were given"),
  bytes: counter("muster_hub_sent_bytes_total", "Bytes of these frames")
} as const

const bus = {
  waiting: gauge("muster_bus_waiting", "Events that wait for a subscriber", "subscriber", "priority"),
  handled: counter("muster_bus_handled_total", "Events that a subscriber has handled", "subscriber"),
  failed: counter("muster_bus_failed_total", "Events whose handler failed or took too long", "subscriber"),
  dropped: counter("muster_bus_dropped_total", "Events for which a subscriber had no room", "subscriber"),
  blocked: counter("muster_bus_blocked_total", "Times that a publisher had to wait for a subscriber", "subscriber")
} as const

/** Recorded by SyncMetrics. */
export const sync = {
  permitWait: histogram("muster_permit_wait_seconds", waits, "Time that was waited for a permit", "name"),
  handler: histogram("muster_handler_seconds", waits, "Time that a handler took", "handler"),
  blockedSends: counter("muster_blocked_sends_total", "Times that a sender had to wait for room", "name"),
  queueDepth: gauge("muster_queue_depth", "What waits in a queue", "name", "priority")
} as const

const access = {
  request: histogram(
    "muster_http_request_seconds",
    quick,
    "Requests that were answered: time until the answer began. route is group.endpoint, or none; status is a class. " +
      "WebSockets count when they are refused",
    "route",
    "status"
  ),
  logins: counter("muster_logins_total", "Logins that succeeded"),
  refused: counter("muster_auth_refused_total", "Refused logins, requests and refreshes, by reason", "reason"),
  users: gauge("muster_users", "Users"),
  sessions: gauge("muster_sessions", "Sessions of users"),
  tokens: gauge("muster_api_tokens", "API tokens")
} as const

const storage = {
  up: gauge("muster_database_up", "Whether the database is usable: 1 or 0"),
  breaker: gauge("muster_database_breaker_state", "Circuit breaker of the database: 0 closed, 1 half-open, 2 open"),
  asked: counter("muster_database_asked_total", "Times that the database was asked"),
  retried: counter("muster_database_retried_total", "Times that it was asked again after a failure for the moment"),
  failed: counter("muster_database_failed_total", "Times that it was asked in vain, by reason", "reason"),
  activityWaiting: gauge("muster_activity_waiting", "Entries of the activity log that wait for the database"),
  activityLost: counter("muster_activity_lost_total", "Entries of the activity log that were lost")
} as const

const self = {
  build: gauge("muster_build_info", "1, with the version of the console", "version"),
  started: gauge("muster_start_time_seconds", "When the console started, in seconds since 1970"),
  configVersion: gauge("muster_config_version", "Version of the configuration in use; each change adds 1"),
  component: gauge(
    "muster_component_status",
    "Component of the console: 0 healthy, 1 degraded, 2 failing, 3 failed",
    "component"
  ),
  componentErrors: counter("muster_component_errors_total", "Errors of a component", "component"),
  budgetUsed: gauge("muster_budget_in_use", "What is under way of what has a ceiling", "component"),
  budgetMax: gauge("muster_budget_limit", "The ceiling", "component"),
  budgetRefused: counter("muster_budget_refused_total", "What was refused because of the ceiling", "component"),
  fibers: gauge("muster_fibers", "Fibers of the console that have not ended"),
  fibersStarted: counter("muster_fibers_started_total", "Fibers that were started"),
  memoryLevel: gauge("muster_memory_level", "How short memory is: 0 normal, 1 warning, 2 critical"),
  memoryEntered: counter("muster_memory_level_changes_total", "Times that a level was entered", "level"),
  memoryShed: counter("muster_memory_shed_total", "Times that a holder of memory was told to give some up"),
  resident: gauge("muster_resident_memory_bytes", "Memory of the console that is in RAM"),
  heapUsed: gauge("muster_heap_used_bytes", "Memory of the JavaScript heap that is in use"),
  heapTotal: gauge("muster_heap_size_bytes", "Memory of the JavaScript heap"),
  external: gauge("muster_external_memory_bytes", "Memory of buffers beside the heap"),
  cpu: counter("muster_cpu_seconds_total", "Processor time"),
  loopDelay: gauge(
    "muster_event_loop_delay_seconds",
    "How late the event loop was lately; stat is p50, p99 or max",
    "stat"
  ),
  openFiles: gauge("muster_open_files", "Open file descriptors, where the system tells")
} as const

export const families = { fleet, hub, bus, sync, access, storage, self } as const

/** All of them, in the order of the table. */
export const allFamilies: ReadonlyArray<Family> = Object.values(families).flatMap((group): ReadonlyArray<Family> =>
  Object.values(group)
)

/** By the states that a breaker has. */
export const breakerValue = { closed: 0, "half-open": 1, open: 2 } as const
