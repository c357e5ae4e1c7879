/** The version of Muster, from the package itself: the same from the source and from an installed package. */
import packageJson from "muster/package.json" with { type: "json" }

export const { version } = packageJson
