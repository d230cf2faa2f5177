/** `ml report GROUP|SWEEP|RUN…|QUERY`: an experiment as an appendix of a paper: Markdown, LaTeX, or one HTML page with plots. */
import { MlError } from "../../core/error.ts";
import { safeText } from "../../view/safe-text.ts";
import { defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { serverNowMs } from "../page.ts";
import { isScoped, scopeFlags, scopeOf } from "../scope-flags.ts";

export const command = defineCommand({
  name: "report",
  group: "keep",
  summary: "an experiment for a paper's appendix: Markdown, LaTeX tables, an HTML page with plots",
  about: [
    "What was asked and answered, what varied and what came out (repeats as mean ± deviation with n, the best in bold), curves, environment and hardware, code, data, hours and energy, how to reproduce it, and what led nowhere. What is not known is said to be unknown.",
    "WORDS are the name of a group, of a sweep, names of runs, or a search as `ml find` takes it, in this order. The form follows `--format` or the ending of `-o`; a folder gets all three, with the pictures as SVG and PNG. Without `-o` it is printed.",
  ].join("\n\n"),
  positionals: [
    { name: "WORDS", about: "group, sweep, runs, or a search", optional: true, many: true, complete: "group" },
  ],
  flags: {
    ...scopeFlags,
    format: flag.text("FORMS", "md, latex, html; several by commas into a folder"),
    out: flag.text("PATH", "x.md, x.tex, x.html, or a folder", { short: "o", complete: "file" }),
    metric: flag.texts("NAME", "these metrics; several by commas; default: the five most telling", {
      complete: "metric",
    }),
    title: flag.text("TEXT", "above it"),
    force: flag.on("replace what is there"),
  },
  examples: [
    ["ml report lr-study -o appendix/", "all three forms, with pictures"],
    ["ml report lr-study -o lr.html", "one page for a colleague"],
    ["ml report --group bs --format latex --metric val_acc", "to \\input into a paper"],
  ],
  schemas: {
    "ml.report/1": "`title`, `runs` (ids), `formats`, `files` (written), `text` (where it was not written to a file)",
  },
  async run(context, args) {
    const { format, out, metric, title, force } = args.flags;
    const { destinationOf, reportText, writeReport } = await import("../report-files.ts");
    const destination = destinationOf(format, out, context.cwd);
    const { reportParts, scopedSubject, subjectOf } = await import("../report-facts.ts");
    if (args.words.length > 0 && isScoped(args.flags))
      throw new MlError("usage", "runs are named by words or by flags, not by both", { hint: "leave one out" });
    if (args.words.length === 0 && !isScoped(args.flags))
      throw new MlError("usage", "no experiment was named", { hint: "ml report GROUP, or ml report --where QUERY" });
    const connection = await context.connect();
    const subject =
      args.words.length > 0
        ? await subjectOf(connection, args.words)
        : scopedSubject(scopeOf(args.flags, serverNowMs(connection)));
    const metrics = metric.flatMap((text) => text.split(",")).filter((name) => name !== "");
    const { parts, runIds } = await reportParts(context, { subject, title, metrics });
    const { composeReport } = await import("../../report/compose.ts");
    const document = composeReport(parts);
    const { place, formats } = destination;
    const files = place === null ? [] : await writeReport(document, { formats, place }, force);
    const text = place === null ? await reportText(document, formats[0] ?? "md", false) : null;
    context.output.result({
      schema: "ml.report/1",
      value: () => ({ title: document.title, runs: runIds, formats, files, text }),
      ids: () => (text === null ? files : runIds),
      rows: () => (text === null ? files.map((path) => [path]) : text.split("\n").map((line) => [line])),
      human: () => text ?? files.map((path) => `wrote ${safeText(path)}\n`).join(""),
    });
    return undefined;
  },
});
