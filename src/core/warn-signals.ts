/** What a script may be warned with before its time limit: signals that it can handle. Here, because both ends check it. */

export const warnSignals = ["USR1", "USR2", "TERM", "INT", "HUP", "CONT", "URG", "WINCH"] as const;
