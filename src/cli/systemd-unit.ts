/**
 * The systemd unit of the server, as text. KillMode=process: a stop or restart reaches the server alone and never the
 * runs, which live on under their supervisors (systemd.kill(5)). Delegate=yes: it may make control groups for runs.
 */

export interface UnitOptions {
  /** Absolute path of the executable. */
  executable: string;
  home: string;
  base: string;
  configPath: string;
  scope: "user" | "system";
  /** Whose server it is, for a system unit. */
  user: string;
}

/** One word of a command line or assignment by systemd.syntax(7): quoted, with `%` and `$` doubled. */
export function unitWord(text: string): string {
  return `"${text.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/%/g, "%%").replace(/\$/g, "$$$$")}"`;
}

/** Like unitWord for `Environment=`, where `$` has no meaning. */
function unitAssignment(name: string, value: string): string {
  return `"${name}=${value.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/%/g, "%%")}"`;
}

export function systemdUnit(options: UnitOptions): string {
  const { scope } = options;
  return `# Written by \`ml service install\`. Restarting or stopping this service touches no run.
[Unit]
Description=ml: queues, runs and remembers training scripts
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=${unitWord(options.executable)} server --base ${unitWord(options.base)}
Environment=${unitAssignment("ML_HOME", options.home)} ${unitAssignment("ML_CONFIG", options.configPath)}
WorkingDirectory=/
${scope === "system" ? `User=${options.user}\n` : ""}KillMode=process
Restart=always
RestartSec=2
Delegate=yes
UMask=0077
OOMPolicy=continue
TimeoutStopSec=30

[Install]
WantedBy=${scope === "system" ? "multi-user.target" : "default.target"}
`;
}
