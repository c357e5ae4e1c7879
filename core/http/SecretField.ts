/** Fields of requests that hold secrets: wrapped from their decoding on, and never named by their value. */
import { Schema } from "effect"

/** Characters of a password, at most: hashing a longer one would be work for whoever sends it. */
export const passwordCharactersMax = 1_024

const charactersMax = 4_096

/** A secret that is not looked at here; `what` says in messages what was expected. */
export const secretText = (what: string, lengthMax = charactersMax) =>
  Schema.RedactedFromValue(
    Schema.String.check(
      Schema.isMinLength(1, { message: `expected ${what}, got nothing` }),
      Schema.isMaxLength(lengthMax, { message: `expected ${what}, of at most ${lengthMax} characters` })
    ).annotate({ message: `expected ${what}` })
  )

/** A password. Whether it is good enough is for the policy to say. */
export const Password = secretText("a password", passwordCharactersMax)
