/**
 * HTML that cannot be broken by what is put into it: in `` html`..` `` every value is escaped, unless
 * it is HTML itself.
 */

export interface Html {
  readonly _tag: "Html"
  readonly markup: string
}

/** Numbers are written as they are; nothing stands for "leave it out". */
export type HtmlValue = string | number | undefined | Html | ReadonlyArray<Html>

export const html = (parts: TemplateStringsArray, ...values: ReadonlyArray<HtmlValue>): Html =>
  trusted(parts.map((part, i) => part + markupOf(values[i])).join(""))

/** Text that is markup already, written by this program. */
export const trusted = (markup: string): Html => ({ _tag: "Html", markup })

export const nothing: Html = trusted("")

/** A block of data that a script reads with `JSON.parse`. Nothing in it can end the block. */
export const dataBlock = (id: string, value: unknown): Html =>
  html`<script type="application/json" id="${id}">
    ${trusted(JSON.stringify(value).replaceAll("<", String.raw`\u003c`))}
  </script>`

const markupOf = (value: HtmlValue): string => {
  if (value === undefined) return ""
  if (typeof value === "string" || typeof value === "number") return escaped(String(value))
  if ("_tag" in value) return value.markup
  return value.map(({ markup }) => markup).join("")
}

const entities: ReadonlyMap<string, string> = new Map([
  ["&", "&amp;"],
  ["<", "&lt;"],
  [">", "&gt;"],
  ['"', "&quot;"],
  ["'", "&#39;"]
])

/** Control characters have no place in HTML: browsers drop them, or read something else. */
const escaped = (text: string): string =>
  text
    .replace(/[&<>"']/g, (character) => entities.get(character) ?? "")
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g, "\ufffd")
