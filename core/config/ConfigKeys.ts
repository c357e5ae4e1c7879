/** Keys of the sections of a file, where words are separated by underscores, by the names that the program has. */

export const serverKeys = {
  shutdown_deadline: "shutdownDeadline",
  cors_origins: "corsOrigins",
  trusted_proxies: "trustedProxies"
} as const

export const pollKeys = {
  reply_bytes_max: "replyBytesMax",
  calls_max: "callsMax",
  calls_waiting_max: "callsWaitingMax",
  breaker_failures: "breakerFailures",
  breaker_open: "breakerOpen",
  breaker_open_max: "breakerOpenMax",
  stale_after: "staleAfter"
} as const

export const operationsKeys = {
  start_timeout: "startTimeout",
  stop_timeout: "stopTimeout",
  restart_timeout: "restartTimeout",
  signal_timeout: "signalTimeout",
  stdin_timeout: "stdinTimeout",
  clear_log_timeout: "clearLogTimeout",
  read_log_timeout: "readLogTimeout",
  update_timeout: "updateTimeout",
  batch_timeout: "batchTimeout",
  batch_concurrency: "batchConcurrency",
  batches_max: "batchesMax",
  batches_waiting_max: "batchesWaitingMax",
  batches_kept: "batchesKept",
  observe_interval: "observeInterval"
} as const

export const busKeys = {
  queue_high: "queueHigh",
  queue_normal: "queueNormal",
  queue_low: "queueLow",
  handler_timeout: "handlerTimeout"
} as const

export const hubKeys = {
  clients_max: "clientsMax",
  clients_per_address_max: "clientsPerAddressMax",
  clients_per_user_max: "clientsPerUserMax",
  events_kept: "eventsKept",
  frames_per_second_max: "framesPerSecondMax",
  logs_per_client_max: "logsPerClientMax",
  outbox_frames_max: "outboxFramesMax",
  slow_client_policy: "slowClientPolicy",
  heartbeat_interval: "heartbeatInterval",
  heartbeat_timeout: "heartbeatTimeout",
  frame_bytes_max: "frameBytesMax",
  invalid_frames_max: "invalidFramesMax"
} as const

export const databaseKeys = {
  connections_max: "connectionsMax",
  acquire_timeout: "acquireTimeout",
  statement_timeout: "statementTimeout",
  transaction_timeout: "transactionTimeout",
  retries_max: "retriesMax",
  retry_delay: "retryDelay",
  retry_delay_max: "retryDelayMax",
  breaker_failures: "breakerFailures",
  breaker_open: "breakerOpen",
  health_interval: "healthInterval"
} as const

export const authKeys = {
  anonymous_role: "anonymousRole",
  access_token_ttl: "accessTokenTtl",
  session_ttl: "sessionTtl",
  key_rotation: "keyRotation",
  sessions_per_user_max: "sessionsPerUserMax",
  tokens_max: "tokensMax",
  users_max: "usersMax",
  password_characters_min: "passwordCharactersMin",
  login_failures_per_account: "loginFailuresPerAccount",
  login_failures_per_address: "loginFailuresPerAddress",
  login_window: "loginWindow",
  logins_at_once: "loginsAtOnce",
  cookie_secure: "cookieSecure",
  public_health: "publicHealth",
  public_metrics: "publicMetrics"
} as const

export const activityKeys = { entries_max: "entriesMax", waiting_max: "waitingMax" } as const

export const limitsKeys = {
  requests_max: "requestsMax",
  operations_max: "operationsMax",
  memory_warning: "memoryWarning",
  memory_critical: "memoryCritical",
  memory_interval: "memoryInterval"
} as const

export const telemetryKeys = {
  otlp_url: "otlpUrl",
  otlp_headers: "otlpHeaders",
  otlp_interval: "otlpInterval",
  service_name: "serviceName"
} as const

export const nodeKeys = {
  tls_ca: "tlsCa",
  tls_certificate: "tlsCertificate",
  tls_key: "tlsKey",
  tls_server_name: "tlsServerName"
} as const
