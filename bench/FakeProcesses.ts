/**
 * The processes of a fake node, and the replies that tell of them, as supervisord writes them.
 *
 * All of a reply but the time and the uptimes stays the same from poll to poll, so it is written once and kept in
 * pieces: a reply of 20 processes costs some microseconds, and a machine that plays a thousand nodes is free to run
 * what is measured.
 */
import { writeReply } from "../scenarios/peers/SupervisordXml.ts"

interface Piece {
  readonly name: string
  isRunning: boolean
  pid: number
  startSeconds: number
  stopSeconds: number
  /** The XML of the struct around the time and the description. */
  text: readonly [string, string, string]
}

/** Marks in the struct, replaced on each reply. */
const mark = { now: 1_234_567_891, description: "@description@" } as const

const group = "app"
const pidStep = 100_000

/** Long since the start of the machine, as in a fleet that works. */
const upSeconds = 3 * 86_400

export class FakeProcesses {
  readonly #pieces: ReadonlyArray<Piece>
  readonly #head: string
  readonly #tail: string
  #changes = 0

  /** `count` processes that run; `nowSeconds` is unix time. */
  constructor(count: number, pidFirst: number, nowSeconds: number) {
    this.#pieces = Array.from({ length: count }, (_, i) =>
      written({
        name: `worker_${String(i).padStart(2, "0")}`,
        isRunning: true,
        pid: pidFirst + i,
        startSeconds: nowSeconds - upSeconds - i,
        stopSeconds: 0,
        text: ["", "", ""]
      })
    )
    const [head = "", tail = ""] = split(
      reply([mark.description]),
      `<value><string>${mark.description}</string></value>\n`
    )
    this.#head = head
    this.#tail = tail
  }

  /** The reply to getAllProcessInfo. */
  all(nowSeconds: number): string {
    let text = this.#head
    for (const piece of this.#pieces) text += shown(piece, nowSeconds)
    return text + this.#tail
  }

  /** The reply to getProcessInfo; undefined when there is no such process. */
  one(id: string, nowSeconds: number): string | undefined {
    const piece = this.#find(id)
    return piece === undefined ? undefined : reply(["@"]).replace(listOfOne, () => shown(piece, nowSeconds))
  }

  /** Starts or stops it at once. False when it was so already, undefined when there is none. */
  set(id: string, isRunning: boolean, nowSeconds: number): boolean | undefined {
    const piece = this.#find(id)
    if (piece === undefined) return undefined
    if (piece.isRunning === isRunning) return false
    change(piece, nowSeconds)
    return true
  }

  /** One process after the other ends or is started again. */
  changeNext(nowSeconds: number): void {
    const piece = this.#pieces[this.#changes++ % this.#pieces.length]
    if (piece !== undefined) change(piece, nowSeconds)
  }

  /** The reply to getAllConfigInfo, with what a client may use of it. */
  configs(): string {
    return reply(
      this.#pieces.map(({ name }) => ({
        group,
        name,
        inuse: true,
        autostart: true,
        command: `/srv/app/${name}`,
        exitcodes: [0],
        startsecs: 1,
        startretries: 3,
        stopwaitsecs: 10,
        stopsignal: 15,
        group_prio: 999,
        process_prio: 999
      }))
    )
  }

  #find(id: string): Piece | undefined {
    return this.#pieces.find(({ name }) => id === `${group}:${name}`)
  }
}

/** The list of one text in a reply, to be replaced by a struct. */
const listOfOne = "<value><array><data>\n<value><string>@</string></value>\n</data></array></value>\n"

const reply = (value: Parameters<typeof writeReply>[0]): string => writeReply(value) ?? ""

const split = (text: string, at: string): ReadonlyArray<string> => text.split(at)

const change = (piece: Piece, nowSeconds: number): void => {
  piece.isRunning = !piece.isRunning
  if (piece.isRunning) {
    piece.pid += pidStep
    piece.startSeconds = nowSeconds
  } else {
    piece.stopSeconds = nowSeconds
  }
  written(piece)
}

/** Writes the pieces of its XML anew. */
const written = (piece: Piece): Piece => {
  const { isRunning, name } = piece
  const log = (channel: string) => `/var/log/supervisor/${group}/${name}-${channel}---supervisor-q7x2k9.log`
  const struct = {
    name,
    group,
    start: piece.startSeconds,
    stop: piece.stopSeconds,
    now: mark.now,
    state: isRunning ? 20 : 100,
    statename: isRunning ? "RUNNING" : "EXITED",
    spawnerr: "",
    exitstatus: 0,
    logfile: log("stdout"),
    stdout_logfile: log("stdout"),
    stderr_logfile: log("stderr"),
    pid: isRunning ? piece.pid : 0,
    description: mark.description
  }
  const body = reply([struct]).slice(reply([]).indexOf("<data>\n") + "<data>\n".length)
  const [before = "", rest = ""] = split(body.slice(0, body.indexOf("</data>")), String(mark.now))
  const [middle = "", after = ""] = split(rest, mark.description)
  piece.text = [before, middle, after]
  return piece
}

const shown = ({ isRunning, pid, startSeconds, text }: Piece, nowSeconds: number): string => {
  const description = isRunning ? `pid ${pid}, uptime ${uptime(nowSeconds - startSeconds)}` : "Nov 21 10:05 AM"
  return text[0] + nowSeconds + text[1] + description + text[2]
}

const two = (value: number): string => String(value).padStart(2, "0")

const uptime = (seconds: number): string => {
  const days = Math.floor(seconds / 86_400)
  const clock = `${Math.floor(seconds / 3_600) % 24}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`
  return days === 0 ? clock : `${days} day${days === 1 ? "" : "s"}, ${clock}`
}
