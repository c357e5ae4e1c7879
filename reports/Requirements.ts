/** What the console must do, one line each, as docs/requirements.md has it with the code and the tests of each. */

export interface Requirement {
  /** `R1.1` .. `R10.5`. */
  readonly id: string
  readonly text: string
}

/** What the first numbers stand for: `R1` .. `R10`. */
export const areas: ReadonlyArray<Requirement> = [
  { id: "R1", text: "The hub" },
  { id: "R2", text: "The fleet" },
  { id: "R3", text: "Authentication" },
  { id: "R4", text: "Configuration" },
  { id: "R5", text: "Database" },
  { id: "R6", text: "Operations" },
  { id: "R7", text: "Errors" },
  { id: "R8", text: "Resources" },
  { id: "R9", text: "Input" },
  { id: "R10", text: "Observability" }
]

export const requirements: ReadonlyArray<Requirement> = [
  { id: "R1.1", text: "clients come and go at the same moment without a race" },
  { id: "R1.2", text: "a client that fails during a broadcast is removed safely" },
  { id: "R1.3", text: "heartbeats and operations of clients share one path to their state" },
  { id: "R1.4", text: "every client sees events in the order of their publication" },
  { id: "R1.5", text: "cleaning up after a client is apart from broadcasting" },
  { id: "R2.1", text: "the registry of nodes changes atomically" },
  { id: "R2.2", text: "the connection state of a node changes atomically" },
  { id: "R2.3", text: "the states of nodes and processes change atomically" },
  { id: "R2.4", text: "refreshing opens a bounded number of connections" },
  { id: "R2.5", text: "shutdown waits for every fiber of the fleet" },
  { id: "R3.1", text: "there is one authentication, around every route" },
  { id: "R3.2", text: "a token is extracted in one place, from sources that are configured" },
  { id: "R3.3", text: "a token is judged by one set of rules" },
  { id: "R3.4", text: "a refusal has one shape everywhere, the WebSocket included" },
  { id: "R3.5", text: "no second authentication is anywhere" },
  { id: "R4.1", text: "SIGHUP reloads safely" },
  { id: "R4.2", text: "a reader sees one configuration whole" },
  { id: "R4.3", text: "a reload that fails keeps what was" },
  { id: "R4.4", text: "reloads run one after another" },
  { id: "R4.5", text: "a configuration is checked before it is applied" },
  { id: "R5.1", text: "health of the database is probed with growing pauses" },
  { id: "R5.2", text: "without a free connection there is an error in bounded time" },
  { id: "R5.3", text: "a transaction that times out is rolled back, and the caller told" },
  { id: "R5.4", text: "concurrency cannot exhaust the pool" },
  { id: "R5.5", text: "the version of the tables is checked at the start" },
  { id: "R6.1", text: "a batch has a time, and each operation in it its own" },
  { id: "R6.2", text: "an operation that hangs is cancelled" },
  { id: "R6.3", text: "a node that keeps failing is left alone for a while" },
  { id: "R6.4", text: "cancelling leaves nothing behind" },
  { id: "R6.5", text: "every kind of operation has a setting for its time" },
  { id: "R7.1", text: "errors have one JSON shape" },
  { id: "R7.2", text: "each error has the right status" },
  { id: "R7.3", text: "each bad field is named with the reason" },
  { id: "R7.4", text: "the log has what is needed to find the cause" },
  { id: "R7.5", text: "no answer holds anything sensitive" },
  { id: "R8.1", text: "every background fiber can be cancelled" },
  { id: "R8.2", text: "a closed WebSocket frees all that it held" },
  { id: "R8.3", text: "shutdown ends everything, gracefully" },
  { id: "R8.4", text: "refreshing in the background is bounded" },
  { id: "R8.5", text: "cancellation reaches every long operation" },
  { id: "R9.1", text: "every parameter is checked before anything else" },
  { id: "R9.2", text: "no input becomes SQL" },
  { id: "R9.3", text: "settings have forms and ranges" },
  { id: "R9.4", text: "no path leaves its folder" },
  { id: "R9.5", text: "text from outside is cleaned before it is logged or shown" },
  { id: "R10.1", text: "metrics of fibers and resources" },
  { id: "R10.2", text: "errors are logged with ids that lead from one place to the other" },
  { id: "R10.3", text: "how long operations take" },
  { id: "R10.4", text: "health by component" },
  { id: "R10.5", text: "logs have a structure and levels" }
]
