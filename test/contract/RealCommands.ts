/** The behaviours of the ChildProcess contract as commands of this machine: the shell's, and one of Node's. */
import { ChildProcess } from "effect/process"
import type { Behaviour, Side } from "./ChildProcess.ts"

/** Ends slowly in its handler; a shell would run another process meanwhile, which gets the signal too. */
const slow =
  "process.on('SIGTERM', () => setTimeout(() => process.exit(3), 50)); setInterval(() => {}, 999); console.log('ready')"

const scripts: Record<Exclude<Behaviour, "ends slowly">, string> = {
  "exits with 0": "exit 0",
  "exits with 1": "exit 1",
  "exits with 127": "exit 127",
  "kills itself": "kill -KILL $$",
  prints: "echo out 1; echo err 1 >&2; echo out 2; echo err 2 >&2",
  "prints a megabyte": "head -c 1048576 /dev/zero | tr '\\0' x",
  echoes: "exec cat",
  "closes its input": "exec <&-; echo closed; exec sleep 60",
  stays: "exec sleep 60",
  "ignores SIGTERM": "trap '' TERM; echo ready; exec sleep 60",
  "tells where it is": 'echo "$GREETING"; pwd; echo "${HOME:+home}"',
  shouts: "exec tr a-z A-Z",
  "leaves a child that prints": "echo leader; (sleep 0.05; echo late) & exit 0",
  "has a child": "sleep 60 & echo $!; wait",
  "leaves a child": "sleep 60 & echo $!; exit 0",
  "fails and leaves a child": "sleep 60 & echo $!; exit 1",
  "copies from 4 to 3": "cat <&4 >&3"
}

export const realCommands: Pick<Side<never>, "command" | "notFound" | "notExecutable"> = {
  command: (behaviour, options = {}) =>
    behaviour === "ends slowly"
      ? ChildProcess.make(process.execPath, ["-e", slow], options)
      : ChildProcess.make("/bin/sh", ["-c", scripts[behaviour]], options),
  notFound: "no-such-command-anywhere",
  notExecutable: import.meta.filename
}
