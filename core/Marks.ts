/**
 * Marks: states of the console that are rare or dangerous, named where they occur. In production nothing comes of
 * them. A check takes them down, and so shows that it was where bugs are.
 *
 * To say that one is reached is synchronous and no step of a fiber: it changes no schedule, and a run with marks is the
 * same run as one without.
 */
import { Context, Fiber } from "effect"

/** All that there are, by the part of the console that says so. */
export const marks = [
  // The hub and its clients.
  "a client came back and was sent what it missed",
  "a client came back and had to take the snapshot",
  "a client came when no more are allowed",
  "a client joined while the hub closed",
  "a broadcast met a client that leaves",
  "a slow client was let go",
  "an event made room in a full outbox",
  "clients were told of events lost on the bus",
  "a piece of a followed log was lost",
  "a client was silent for too long",
  "a client sent too many invalid frames",
  "a client sent frames too fast",
  "a subscription was refused",
  "a client asked for a log that it may not see",
  "rights changed with a socket open",
  "a session ended with a socket open",
  "the hub closed with clients",
  // The bus.
  "the bus dropped a piece of a log",
  "the bus dropped an event",
  "a publisher waits for room on the bus",
  "a handler of the bus failed",
  "a handler of the bus took too long",
  // Nodes, and calls to them.
  "a circuit opened",
  "a circuit opened on calls that waited",
  "a probe failed while half open",
  "a probe succeeded while half open",
  "a call waited for its turn at a node",
  "a call was cut short by its wait",
  "too many calls wait for a node",
  "a node was polled while a command ran on it",
  "a poll was given up half way",
  "a command was given up half way",
  "a node was restarted behind our back",
  "a node went while it was talked to",
  "nodes changed while events went out",
  "what was known of nodes was recalled",
  // Operations, updates and batches.
  "an operation waited for its turn",
  "the reply to a change was lost",
  "a change whose reply was lost had been made",
  "a start met a process that was stopping",
  "a start was accepted, and failed",
  "an update removed a group",
  "a batch was cancelled half way",
  "a batch stopped at its first failures",
  "the time of a batch was up",
  "the console ended with a batch under way",
  // The configuration.
  "a reload waited for another one",
  "a reload was refused",
  "a reload replaced a node",
  // The database.
  "the database was away at the start",
  "a statement was tried again",
  "the retries of a statement were used up",
  "a statement was given up half way",
  "a statement ran out of time",
  "a transaction ran out of time",
  "a commit had no answer",
  "no connection was free in time",
  "the circuit of the database opened",
  "the health probe closed the circuit of the database",
  // Accounts and the activity log.
  "logins were limited",
  "a token of a key that was replaced was shown",
  "a refresh token was used twice at once",
  "a refresh token was stolen",
  "the accounts were read again after a commit without an answer",
  "one commit took several attempts",
  "attempts waited in memory and were written",
  "an attempt found no room",
  "attempts were left at the end",
  "refusals were counted instead of told",
  // The whole console.
  "a budget was used up",
  "memory is short",
  "memory is enough again",
  "a request was refused for want of memory",
  "a request was cut off by the end of the console",
  "a part was closed while it was built"
] as const
export type Mark = (typeof marks)[number]

/** Is told of each mark that is reached. Synchronous; must not throw. By default nobody is told. */
export const Marks = Context.Reference<(mark: Mark) => void>("core/Marks", { defaultValue: () => () => {} })

/** Tells `Marks` of the fiber that runs; outside of fibers nobody. To be called where an effect runs. */
export const reached = (mark: Mark): void => Fiber.getCurrent()?.getRef(Marks)(mark)
