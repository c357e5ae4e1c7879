/** A WebSocket frame as a server writes it (RFC 6455, section 5.2): whole, text, without a mask. */

const finalText = 0x81
/** Longer payloads have their length in two bytes of its own, or in eight. */
const length7BitsMax = 125
const length16BitsMax = 0xffff
const [marker16Bits, marker64Bits] = [126, 127]

export const encodeTextFrame = (text: string): Buffer => {
  const length = Buffer.byteLength(text)
  const head = length <= length7BitsMax ? 2 : length <= length16BitsMax ? 4 : 10
  // Of its own memory: frames that are kept would each hold on to a whole slab of the shared pool.
  const bytes = Buffer.allocUnsafeSlow(head + length)
  bytes[0] = finalText
  if (head === 2) bytes[1] = length
  if (head === 4) {
    bytes[1] = marker16Bits
    bytes.writeUInt16BE(length, 2)
  }
  if (head === 10) {
    bytes[1] = marker64Bits
    bytes.writeBigUInt64BE(BigInt(length), 2)
  }
  bytes.write(text, head)
  return bytes
}
