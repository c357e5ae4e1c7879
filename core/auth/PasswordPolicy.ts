/**
 * Which passwords are taken: by their length first of all, and not those that are tried first. Pure.
 *
 * What is said of a refused one is what the policy asks for, never what was given.
 */

/** Longer ones are refused: hashing must not be a way to keep a processor busy. */
export const charactersMax = 1000

/** Passwords of common lists that are as long as the shortest that can be allowed; in lower case. */
const common: ReadonlySet<string> = new Set(
  (
    "12345678 123456789 1234567890 12345678910 123456789012 1234567891011 11111111 00000000 87654321 password " +
    "password1 password12 password123 password1234 passw0rd passwort passwordpassword p@ssw0rd p@ssword1 " +
    "qwertyui qwertyuiop qwertyuiop123 qwerty123 qwerty1234 qwerty12345 qwertyqwerty 1q2w3e4r 1q2w3e4r5t " +
    "1qaz2wsx 1qaz2wsx3edc zaq12wsx asdfghjk asdfghjkl asdfasdf zxcvbnm1 zxcvbnm123 q1w2e3r4 q1w2e3r4t5 abcd1234 " +
    "abcdefgh abcdefghijkl a1b2c3d4 iloveyou iloveyou1 iloveyouiloveyou sunshine princess football baseball superman " +
    "trustno1 starwars whatever letmein1 letmein123 letmeinletmein welcome1 welcome12 welcome123 welcome1234 " +
    "administrator admin123 admin1234 admin12345 admin123456 adminadmin adminadminadmin root1234 rootroot changeme " +
    "changeme1 changeme123 changemechangeme changethis default1 default123 computer internet michael1 jennifer " +
    "supervisor supervisord correcthorsebatterystaple"
  ).split(" ")
)

/** Why the password is refused, for people; undefined when it is taken. */
export const refusal = (
  password: string,
  { charactersMin, username }: { readonly username: string; readonly charactersMin: number }
): string | undefined => {
  // Characters as people count them, and not before it is known that they can be counted quickly.
  if (password.length > 2 * charactersMax) return tooLong
  const characters = Array.from(password)
  if (characters.length > charactersMax) return tooLong
  if (characters.length < charactersMin) return `expected a password of at least ${charactersMin} characters`
  if (/\p{Cc}/u.test(password) || !password.isWellFormed()) return "expected a password without control characters"
  const lower = password.toLowerCase()
  if (lower === username.toLowerCase()) return "expected a password that is not the user name"
  if (new Set(characters).size === 1) return "expected a password of more than one character over and over"
  return common.has(lower) ? "expected a password that is not one of the most common" : undefined
}

const tooLong = `expected a password of at most ${charactersMax} characters`
