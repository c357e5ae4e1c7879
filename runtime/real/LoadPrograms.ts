/** The programs of the console itself on which its users work (see kill/Load.ts). */
export const loadPrograms = ["steady", "ticker", "worker"].map((name) => ({
  name,
  group: "app",
  command: `sh -c 'while :; do echo ${name}; sleep 0.2; done'`,
  startsecs: 0,
  stopwaitsecs: 2
}))
