/** Whether pieces of a followed log were lost on the way to the hub. Pure. */
import type { FollowedPiece } from "../domain/Log.ts"

/** How far the followers of a log were told of it. */
export interface Told {
  readonly following: number
  readonly number: number
  /** The following told that it ended. */
  readonly isOver: boolean
}

export interface Look {
  readonly told: Told | undefined
  /** Something before it was lost, or text comes again. */
  readonly isHole: boolean
  /** Followers are to be sent it. */
  readonly isNew: boolean
}

/**
 * What a piece means to those who were told so much; undefined for nothing yet. Who begins to follow a log in the
 * moment in which others let go of it may be told of a hole that is none.
 */
export const look = (told: Told | undefined, { note, place, text }: FollowedPiece): Look => {
  const { following, number } = place
  const isSame = told?.following === following
  if (told !== undefined && (following < told.following || (isSame && number <= told.number))) {
    return { told, isHole: false, isNew: false }
  }
  const isNew = text !== undefined || note !== undefined
  const expected = isSame ? told.number + 1 : 1
  // A following that takes the place of one that did not end begins with text that may have come already.
  const isAnew = told !== undefined && !isSame && !told.isOver
  return {
    told: { following, number, isOver: note === "ended" },
    isHole: isAnew || !isNew || number > expected,
    isNew
  }
}
