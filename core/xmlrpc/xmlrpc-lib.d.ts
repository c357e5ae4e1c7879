/** The parts of the `xmlrpc` package that `@types/xmlrpc` does not describe: its wire format, without transport. */

declare module "xmlrpc/lib/serializer.js" {
  /** The XML of a call. Throws on a character that XML 1.0 forbids. */
  export function serializeMethodCall(method: string, params: ReadonlyArray<unknown>): string
  /** The XML of a reply. Throws on a character that XML 1.0 forbids. */
  export function serializeMethodResponse(value: unknown): string
  /** The XML of a fault. Throws on a character that XML 1.0 forbids. */
  export function serializeFault(fault: { readonly faultCode: number; readonly faultString: unknown }): string
}

declare module "xmlrpc/lib/customtype.js" {
  /** A value that is written as the text `raw`, escaped, inside an element named `tagName`. */
  export default class CustomType {
    constructor(raw: string)
    raw: string
    tagName: string
  }
}
