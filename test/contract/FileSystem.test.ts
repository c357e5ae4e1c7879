/** The simulated file system keeps the contract that the real one keeps. */
import { fileSystemContract } from "./FileSystem.ts"
import { real, simulated } from "./FileSystemSides.ts"

fileSystemContract(real)
fileSystemContract(simulated)
