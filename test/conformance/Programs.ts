/** The programs of the conformance suite, each as a section of a real configuration and as a program of the model. */
import type { ProgramSpec } from "../../scenarios/peers/SupervisordProgram.ts"

/** Where the model keeps what the real one has in its folder. */
export const modelFolder = "/node"

/** Bytes of text with a character of each length in UTF-8, and of what is no UTF-8 or no XML. */
export const samples = {
  text: new TextEncoder().encode("plain <&> ]]> é✓😀 end\nsecond line\n"),
  control: new TextEncoder().encode("colour \u001b[31m and NUL \u0000 and \ufffe\n"),
  latin1: new Uint8Array([0x63, 0x61, 0x66, 0xe9, 0x20, 0x6f, 0x6b, 0x0a]),
  cut: new Uint8Array([0x61, 0xe2, 0x9c])
}

const octal = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("")

const prints = (bytes: Uint8Array): string => `printf '${octal(bytes)}'\nexec sleep 1000\n`

/** Shell scripts by name; what they do is in the program of the model that names them. */
export const files: Readonly<Record<string, string>> = {
  "steady.sh": "exec sleep 1000\n",
  "graceful.sh": "trap 'exit 3' TERM\nwhile :; do sleep 0.05; done\n",
  "stubborn.sh": "trap '' TERM\nwhile :; do sleep 0.05; done\n",
  "exit0.sh": "sleep 0.1\nexit 0\n",
  "exit5.sh": "sleep 0.1\nexit 5\n",
  "cat.sh": "exec cat\n",
  "deaf.sh": "exec <&-\nexec sleep 1000\n",
  "text.sh": prints(samples.text),
  "control.sh": prints(samples.control),
  "latin1.sh": prints(samples.latin1),
  "cut.sh": prints(samples.cut),
  "both.sh": "echo out\necho err >&2\nexec sleep 1000\n",
  "plain.txt": "no program\n"
}

type Given = Partial<ProgramSpec> & { readonly name: string; readonly script: string }

const program = ({ name, script, ...spec }: Given): ProgramSpec => ({
  group: name,
  name,
  startSecs: 0,
  startRetries: 1,
  stopWaitSecs: 5,
  stopTakesMs: 5,
  stopExit: -15,
  runsForMs: undefined,
  autostart: false,
  autorestart: false,
  command: `/bin/sh ${modelFolder}/${script}`,
  stdoutLog: { path: `${modelFolder}/${name}.log` },
  ...spec
})

const app = { group: "app" }

export const base: ReadonlyArray<ProgramSpec> = [
  program({ ...app, name: "api", script: "steady.sh" }),
  program({ ...app, name: "web", script: "steady.sh", priority: 5 }),
  program({ ...app, name: "gone", script: "", command: "/nonexistent/program --flag", broken: "no file" }),
  program({ name: "both", script: "both.sh", stderrLog: { path: `${modelFolder}/both.err` }, prints: bothPrints() }),
  program({ name: "cat", script: "cat.sh", echoes: true }),
  program({ name: "control", script: "control.sh", prints: [{ afterMs: 1, text: samples.control }] }),
  program({ name: "crasher", script: "exit5.sh", startSecs: 1, startRetries: 0, runs: [{ forMs: 100, exit: 5 }] }),
  program({ name: "cut", script: "cut.sh", prints: [{ afterMs: 1, text: samples.cut }] }),
  program({ name: "deaf", script: "deaf.sh", closesStdin: true }),
  program({ name: "finisher", script: "exit0.sh", autorestart: "unexpected", runs: [{ forMs: 100, exit: 0 }] }),
  program({ name: "flapper", script: "exit5.sh", startSecs: 1, runs: [{ forMs: 100, exit: 5 }] }),
  program({ name: "graceful", script: "graceful.sh", startSecs: 1, stopTakesMs: 60, stopExit: 3, exitcodes: [0, 3] }),
  program({ name: "latin1", script: "latin1.sh", prints: [{ afterMs: 1, text: samples.latin1 }] }),
  program({ name: "plain", script: "", command: `${modelFolder}/plain.txt`, broken: "not executable" }),
  program({ name: "quitter", script: "exit5.sh", runs: [{ forMs: 100, exit: 5 }] }),
  program({ name: "rotor", script: "cat.sh", echoes: true, logBytesMax: 20 }),
  program({ name: "starter", script: "steady.sh", autostart: true, autorestart: true }),
  program({ name: "stubborn", script: "stubborn.sh", startSecs: 1, stopWaitSecs: 1, stopTakesMs: 60_000 }),
  program({ name: "text", script: "text.sh", prints: [{ afterMs: 1, text: samples.text }], redirectStderr: true }),
  program({ name: "waiter", script: "steady.sh", startSecs: 1 })
]

function bothPrints() {
  return [
    { afterMs: 1, text: "out\n" },
    { afterMs: 1, text: "err\n", channel: "stderr" as const }
  ]
}

/** Without cat, with waiter changed, with two more. */
export const changed: ReadonlyArray<ProgramSpec> = [
  ...base
    .filter(({ name }) => name !== "cat")
    .map((spec) => (spec.name === "waiter" ? { ...spec, startRetries: 7 } : spec)),
  program({ name: "added", script: "steady.sh", autostart: true }),
  program({ name: "added2", script: "steady.sh", priority: 1, autorestart: true, stopSignal: 2 })
]

/** A configuration that cannot be read, and what supervisord says of it. */
export const broken = {
  section: "[program:broken]\n",
  message:
    `program section program:broken does not specify a command in section 'program:broken' ` +
    `(file: '${modelFolder}/supervisord.conf')`
}

const signalNames: Readonly<Record<number, string>> = { 2: "INT", 15: "TERM" }

/** The sections of the real configuration. */
export const sections = (specs: ReadonlyArray<ProgramSpec>): string => {
  const inApp = specs.filter(({ group }) => group === "app").map(({ name }) => name)
  return `[group:app]\nprograms=${inApp.join(",")}\n${specs.map(section).join("")}`
}

const section = (spec: ProgramSpec): string => {
  const path = (log: ProgramSpec["stdoutLog"]): string => (typeof log === "object" ? log.path : "NONE")
  const lines = [
    `[program:${spec.name}]`,
    `command=${spec.command}`,
    `autostart=${spec.autostart}`,
    `autorestart=${spec.autorestart}`,
    `exitcodes=${(spec.exitcodes ?? [0]).join(",")}`,
    `startsecs=${spec.startSecs}`,
    `startretries=${spec.startRetries}`,
    `stopwaitsecs=${spec.stopWaitSecs}`,
    `stopsignal=${signalNames[spec.stopSignal ?? 15]}`,
    `priority=${spec.priority ?? 999}`,
    `redirect_stderr=${spec.redirectStderr ?? false}`,
    `stdout_logfile=${path(spec.stdoutLog)}`,
    `stderr_logfile=${path(spec.stderrLog)}`,
    ...(spec.logBytesMax === undefined
      ? []
      : [`stdout_logfile_maxbytes=${spec.logBytesMax}`, `stderr_logfile_maxbytes=${spec.logBytesMax}`])
  ]
  return `${lines.join("\n").replaceAll(modelFolder, "%(here)s")}\n`
}
