/**
 * Replies in the form in which nearly all come, read in one go: elements without attributes, comments or references,
 * values at most a few levels deep. It takes a fraction of the time of a reader of all XML, and a console reads little
 * else.
 *
 * It knows only what it is sure of: whatever is not exactly of that form, right or wrong, is for the decoder to judge.
 * What it reads, the decoder reads as the same value.
 */
import { Result } from "effect"
import { parseScalar, scalarTypes } from "./XmlRpcScalar.ts"
import type { XmlRpcValue } from "./XmlRpcValue.ts"

/** The value of a plain reply; undefined when the text is something else, or has to be looked at more closely. */
export const plainReply = (xml: string): XmlRpcValue | undefined =>
  xml.includes("]]>") || special.test(xml) ? undefined : new PlainReader(xml).reply()

/**
 * References, and characters that XML forbids or changes. Characters beyond the basic plane are among them, since half
 * of one would be forbidden. What XML also forbids is the end of a CDATA section.
 */
const special = /[\u0000-\u0008\u000b-\u001f&\ud800-\udfff\ufffe\uffff]/

const declaration = /^<\?xml version=(?:'1\.0'|"1\.0")(?: encoding=(?:'utf-8'|"utf-8"))?\?>/i

/** Arrays and structs inside one another that it follows; supervisord needs three. */
const depthMax = 8

class PlainReader {
  private readonly xml: string
  private at = 0

  constructor(xml: string) {
    this.xml = xml
  }

  reply(): XmlRpcValue | undefined {
    this.at = declaration.exec(this.xml)?.[0].length ?? 0
    if (!this.all("<methodResponse>", "<params>", "<param>", "<value>")) return undefined
    const value = this.value(0)
    if (value === undefined || !this.all("</param>", "</params>", "</methodResponse>")) return undefined
    this.skipBlank()
    return this.at === this.xml.length ? value : undefined
  }

  /** After `<value>`, up to and with its end. */
  private value(depth: number): XmlRpcValue | undefined {
    const begin = this.at
    if (!this.toTag()) return undefined
    if (this.isNext("</value>")) return this.xml.slice(begin, this.at - "</value>".length)
    this.at = begin
    this.skipBlank()
    // Text beside a type: the decoder says what is wrong with it.
    if (this.xml[this.at] !== "<") return undefined
    const end = this.xml.indexOf(">", this.at)
    const type = end < 0 ? "" : this.xml.slice(this.at + 1, end)
    this.at = end + 1
    const value = this.typed(type, depth)
    return value !== undefined && this.next("</value>") ? value : undefined
  }

  private typed(type: string, depth: number): XmlRpcValue | undefined {
    if (type === "struct") return depth < depthMax ? this.struct(depth + 1) : undefined
    if (type === "array") return depth < depthMax ? this.array(depth + 1) : undefined
    const scalar = scalarTypes.get(type)
    if (scalar === undefined) return undefined
    const text = this.textTo(`</${type}>`)
    if (text === undefined) return undefined
    if (scalar === "string") return text
    const parsed = parseScalar(scalar, text)
    return Result.isSuccess(parsed) ? parsed.success : undefined
  }

  private struct(depth: number): XmlRpcValue | undefined {
    const members: Record<string, XmlRpcValue> = { __proto__: null }
    while (this.next("<member>")) {
      if (!this.next("<name>")) return undefined
      const name = this.textTo("</name>")
      if (name === undefined || !this.next("<value>")) return undefined
      const value = this.value(depth)
      if (value === undefined || !this.next("</member>")) return undefined
      members[name] = value
    }
    return this.next("</struct>") ? members : undefined
  }

  private array(depth: number): XmlRpcValue | undefined {
    if (!this.next("<data>")) return undefined
    const items: Array<XmlRpcValue> = []
    while (this.next("<value>")) {
      const value = this.value(depth)
      if (value === undefined) return undefined
      items.push(value)
    }
    return this.all("</data>", "</array>") ? items : undefined
  }

  /** The text up to the next tag, which has to be this one. */
  private textTo(tag: string): string | undefined {
    const begin = this.at
    return this.toTag() && this.isNext(tag) ? this.xml.slice(begin, this.at - tag.length) : undefined
  }

  private toTag(): boolean {
    const found = this.xml.indexOf("<", this.at)
    this.at = found
    return found >= 0
  }

  private all(...tags: ReadonlyArray<string>): boolean {
    return tags.every((tag) => this.next(tag))
  }

  /** Passes the tag, and white space before it, if it is the next. */
  private next(tag: string): boolean {
    this.skipBlank()
    return this.isNext(tag)
  }

  private isNext(tag: string): boolean {
    if (!this.xml.startsWith(tag, this.at)) return false
    this.at += tag.length
    return true
  }

  private skipBlank(): void {
    let code = this.xml.charCodeAt(this.at)
    while (code === space || code === lineFeed || code === tab) code = this.xml.charCodeAt(++this.at)
  }
}

const space = 0x20
const lineFeed = 0x0a
const tab = 0x09
