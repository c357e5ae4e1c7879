/**
 * Port: cryptography. The real one is node:crypto, with passwords hashed off the main thread; in the simulator the same
 * algorithms at the lowest cost, with randomness of the run.
 */
import { Context, type Effect, type Redacted } from "effect"

export class Secrets extends Context.Service<
  Secrets,
  {
    /**
     * A password as what is stored of it: scrypt with a salt of its own and its parameters, in the PHC string format:
     * `$scrypt$ln=15,r=8,p=1$<salt>$<hash>`, base64 without padding.
     */
    readonly hashPassword: (password: Redacted.Redacted) => Effect.Effect<string>
    /**
     * Whether it is the password that was stored, compared in constant time, with the parameters that are stored.
     * `outdated` says that they are not those of today. A text that is no hash matches nothing.
     */
    readonly verifyPassword: (
      password: Redacted.Redacted,
      stored: string
    ) => Effect.Effect<{ readonly matches: boolean; readonly outdated: boolean }>
    /** Bytes that nobody can guess, as base64url without padding. */
    readonly randomText: (bytes: number) => Effect.Effect<string>
    /** HMAC-SHA256 of a text in UTF-8 under a key given as base64url, as base64url. Synchronous. */
    readonly sign: (key: Redacted.Redacted, text: string) => string
    /** SHA-256 of a text in UTF-8, as base64url. For secrets with full entropy, such as tokens. Synchronous. */
    readonly digest: (text: string) => string
    /** Whether two texts are the same, in time that depends on their lengths alone. Synchronous. */
    readonly equal: (one: string, other: string) => boolean
  }
>()("core/Secrets") {}
