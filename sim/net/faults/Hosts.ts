import type { Link } from "../Packet.ts"

/** Hosts by name; without a list, all. */
export interface Direction {
  readonly from?: ReadonlyArray<string>
  readonly to?: ReadonlyArray<string>
}

export const isOn =
  ({ from, to }: Direction) =>
  (link: Link): boolean =>
    (from === undefined || from.includes(link.from)) && (to === undefined || to.includes(link.to))

export const describeDirection = ({ from, to }: Direction): string =>
  `from ${from?.join(", ") ?? "all"} to ${to?.join(", ") ?? "all"}`
