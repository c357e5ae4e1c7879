/**
 * Why a received text is no answer: it is no XML, it is XML but no XML-RPC, or it is the peer's refusal.
 */
import { Schema } from "effect"

/**
 * The text is no well-formed XML 1.0: cut short, or with characters that XML forbids, as supervisord sends for logs
 * that hold control characters. `line` and `column` count from 1 and name the last character read.
 */
export class NotWellFormed extends Schema.TaggedError<NotWellFormed>()("NotWellFormed", {
  line: Schema.Int,
  column: Schema.Int,
  detail: Schema.String
}) {}

/** Well-formed XML that is not the XML-RPC message that was expected. */
export class NotXmlRpc extends Schema.TaggedError<NotXmlRpc>()("NotXmlRpc", { detail: Schema.String }) {}

/** The peer understood the call and refused it. */
export class Fault extends Schema.TaggedError<Fault>()("Fault", { code: Schema.Int, text: Schema.String }) {}

export const XmlRpcErrorReason = Schema.Union([NotWellFormed, NotXmlRpc, Fault])
export type XmlRpcErrorReason = typeof XmlRpcErrorReason.Type

/** A message was received and gives no value. */
export class XmlRpcError extends Schema.TaggedError<XmlRpcError>()("XmlRpcError", { reason: XmlRpcErrorReason }) {
  override get message(): string {
    return describeReason(this.reason)
  }
}

/** One line for people about a reason. */
export const describeReason = (reason: XmlRpcErrorReason): string => {
  switch (reason._tag) {
    case "NotWellFormed":
      return `not well-formed XML at line ${reason.line}, column ${reason.column}: ${reason.detail}`
    case "NotXmlRpc":
      return `not XML-RPC: ${reason.detail}`
    case "Fault":
      return `fault ${reason.code}: ${reason.text}`
  }
}

export const notXmlRpc = (detail: string): XmlRpcError =>
  new XmlRpcError({ reason: new NotXmlRpc({ detail: clip(detail) }) })

export const notWellFormed = (at: { readonly line: number; readonly column: number }, detail: string): XmlRpcError =>
  new XmlRpcError({ reason: new NotWellFormed({ line: at.line, column: at.column, detail: clip(detail) }) })

const detailCharactersMax = 120

/** Details quote element names of the text, which may be as long as the text. */
const clip = (detail: string): string =>
  detail.length > detailCharactersMax ? `${detail.slice(0, detailCharactersMax)}...` : detail
