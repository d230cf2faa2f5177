/** What the server answers about bundles: plain JSON over HTTP, since bytes travel with it. These shapes only grow. */

export interface ImportedRun {
  /** Its id here. */
  run_id: string;
  /** What it is called in the bundle. */
  bundled_as: string;
  name: string;
  status: string;
  /** `grown`: the run of another tracker is here as it was when it was imported, and stays so; `updated`: it took over what is new there. */
  state: "imported" | "here_already" | "grown" | "updated";
  /** Where `grown` or `updated`: how many points of metrics there are now that were not here; 0 where something else changed. */
  new_points?: number;
  /** Where `updated`: what is new, a few words each. */
  changes?: string[];
  /** Where `grown`, and it was to be updated: a sentence on each thing that is otherwise than it was imported. */
  contradictions?: string[];
}

/** Reply of `PUT /bundles`. */
export interface Imported {
  runs: ImportedRun[];
  files: number;
  size_bytes: number;
}

/** What arrived of a file before a cut. */
export interface ArrivedPart {
  /** sha256 of its path in the bundle. */
  of: string;
  size_bytes: number;
  /** Of what arrived. */
  sha256: string;
}

/** Body of `POST /bundles`; the reply is the archive itself. */
export interface ExportWish {
  runs: string[];
  packing: "gzip" | "zstd";
  level: "all" | "some" | "metadata";
  artifacts: string[];
  redact: ("paths" | "names" | "secrets")[];
  /** Curves as SVG, by run id. */
  figures: Record<string, string>;
  /** For another server that asked: contents (sha256) and trees of code that it has, which need not travel. */
  have?: string[];
  have_snapshots?: string[];
  /** For one that has beginnings of files: of these only the rest need travel. */
  parts?: ArrivedPart[];
  /** For a server that said so: a content that the bundle has already is named and not sent again. */
  once?: boolean;
}
