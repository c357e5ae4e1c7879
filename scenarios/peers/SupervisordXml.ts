/**
 * Replies of a modelled supervisord as text, byte for byte as Python's `xmlrpc.client` writes them: nothing but `&`,
 * `<` and `>` is escaped, so that a control character in a log makes the whole reply no XML at all.
 */
import { isList, isStruct, type XmlRpcValue } from "../../core/xmlrpc/XmlRpcValue.ts"

const head = "<?xml version='1.0'?>\n<methodResponse>\n"
const intMax = 2 ** 31 - 1

/** The text of a reply; undefined when it holds an integer of more than 32 bits, which Python refuses to write. */
export const writeReply = (value: XmlRpcValue): string | undefined => {
  const text = write(value)
  return text === undefined ? undefined : `${head}<params>\n<param>\n${text}</param>\n</params>\n</methodResponse>\n`
}

export const writeFault = (code: number, text: string): string =>
  `${head}<fault>\n${write({ faultCode: code, faultString: text }) ?? ""}</fault>\n</methodResponse>\n`

const write = (value: XmlRpcValue): string | undefined => {
  if (typeof value === "string") return `<value><string>${escape(value)}</string></value>\n`
  if (typeof value === "number") {
    if (!Number.isInteger(value)) return `<value><double>${value}</double></value>\n`
    return Math.abs(value) > intMax ? undefined : `<value><int>${value}</int></value>\n`
  }
  if (typeof value === "boolean") return `<value><boolean>${value ? 1 : 0}</boolean></value>\n`
  if (isList(value)) {
    let items = ""
    for (const item of value) {
      const text = write(item)
      if (text === undefined) return undefined
      items += text
    }
    return `<value><array><data>\n${items}</data></array></value>\n`
  }
  if (!isStruct(value)) return undefined
  let members = ""
  for (const name in value) {
    const text = write(value[name] ?? "")
    if (text === undefined) return undefined
    members += `<member>\n<name>${escape(name)}</name>\n${text}</member>\n`
  }
  return `<value><struct>\n${members}</struct></value>\n`
}

const markup = /[&<>]/

const escape = (text: string): string =>
  markup.test(text) ? text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;") : text
