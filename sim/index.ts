/** `muster/sim`: the simulator as a library, under one name and by its parts. */
export * from "./Sim.ts"
export * as Sim from "./Sim.ts"
export * as Workers from "./Workers.ts"
