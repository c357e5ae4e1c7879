/** All strategies by name, for tokens and the command line. */
import type { Strategy } from "../Strategy.ts"
import { randomWalk } from "./RandomWalk.ts"

export const strategies: ReadonlyArray<Strategy> = [randomWalk]
