/** How a fake node behaves: well, or badly in one of eight ways. */

/** The bad ways, with what each does to a caller. */
export const badModes = {
  dead: "nothing listens",
  slow: "answers after 3 to 4 s",
  hanging: "takes the request and says nothing",
  trickling: "sends a byte of its answer every half second",
  resetting: "resets the connection, before its answer or in the middle of it",
  lying: "announces more bytes than it sends, or fewer",
  huge: "sends a gigabyte, announced or in chunks",
  invalid: "answers with text that is no XML"
} as const

export type BadMode = keyof typeof badModes
export type NodeMode = "good" | BadMode

const isBadMode = (name: string): name is BadMode => Object.hasOwn(badModes, name)

export const badModeNames: ReadonlyArray<BadMode> = Object.keys(badModes).filter(isBadMode)

/** The mode of each node: the bad ones first, so that a console that asks in order meets them before the others. */
export const modesOf = (nodes: number, bad: Partial<Record<BadMode, number>>): ReadonlyArray<NodeMode> => {
  const modes: Array<NodeMode> = badModeNames.flatMap((mode) => Array.from({ length: bad[mode] ?? 0 }, () => mode))
  while (modes.length < nodes) modes.push("good")
  return modes.slice(0, nodes)
}
