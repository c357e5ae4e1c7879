/**
 * What must not get into a log although somebody logs it: values under names of secrets, and secrets that are known by
 * their form wherever they stand in a text. `Redacted` is the first line of defence, this is the second.
 */

/** Stands in the place of a secret. */
export const redacted = "<redacted>"

const secretName =
  /pass(?:word|wd|phrase|code)|secret|token|authoriz|cookie|csrf|credential|api[-_]?key|private[-_]?key|ticket/i

/** Whether what has this name is a secret, as in `password`, `x-csrf-token` or `set-cookie`. */
export const isSecretName = (name: string): boolean => secretName.test(name)

// No form may look far ahead from many places: what is logged can be made to be slow to search.
const forms: ReadonlyArray<readonly [RegExp, string]> = [
  // Credentials of a URL.
  [/(:\/\/)[^\s/?#@"'<>]*@/g, `$1${redacted}@`],
  // Header values.
  [/\b(bearer|basic|digest)\s+[^\s"',;<>]+/gi, `$1 ${redacted}`],
  // API, refresh and ticket tokens of this console, and signed tokens.
  [/\bm(?:st|sr|tk)_[\w-]+/g, redacted],
  [/\beyJ[\w-]{8,}(?:\.[\w-]*){0,2}/g, redacted],
  // Stored passwords.
  [/\$scrypt\$[^\s"']+/g, redacted],
  // `password=...` of a query, a form or a message; `"token":"..."` of a JSON text.
  [
    /((?:password|passwd|secret|token|api_key|apikey|ticket|muster_session)["']?\s{0,3}[=:]\s{0,3}["']?)[^\s"'&;,<>]+/gi,
    `$1${redacted}`
  ]
]

/** The text with all secrets masked that can be told by their form. */
export const maskSecrets = (text: string): string =>
  forms.reduce((masked, [form, replacement]) => masked.replace(form, replacement), text)
