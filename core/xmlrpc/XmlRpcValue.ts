/**
 * What travels in an XML-RPC message.
 *
 * | on the wire | here |
 * |---|---|
 * | `string`, a value without a type | string |
 * | `int`, `i4`, `i8` | number; one that a double cannot hold exactly is refused |
 * | `double` | number; always finite |
 * | `boolean` | boolean |
 * | `nil` | null |
 * | `dateTime.iso8601` | string, the text as it came: the format has no time zone, so no instant can be read from it |
 * | `base64` | Uint8Array |
 * | `array` | array |
 * | `struct` | object without prototype: no member name can collide with an inherited property |
 *
 * Numbers are written as `int` when they are whole and as `double` otherwise, so `2.0` comes back as `2`, and `-0` as
 * `0`. Dates cannot be written: nothing in supervisord takes one.
 */
export type XmlRpcValue = string | number | boolean | null | Uint8Array | ReadonlyArray<XmlRpcValue> | XmlRpcStruct

export interface XmlRpcStruct {
  readonly [name: string]: XmlRpcValue
}

/** Arrays and structs that may lie inside one another, in either direction; supervisord needs four. */
export const nestingDepthMax = 64

export const isList = (value: XmlRpcValue): value is ReadonlyArray<XmlRpcValue> => Array.isArray(value)

export const isStruct = (value: XmlRpcValue): value is XmlRpcStruct =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
