/** What the server answers about bundles: plain JSON over HTTP, since bytes travel with it. These shapes only grow. */

export interface ImportedRun {
  /** Its id here. */
  run_id: string;
  /** What it is called in the bundle. */
  bundled_as: string;
  name: string;
  status: string;
  state: "imported" | "here_already";
}

/** Reply of `PUT /bundles`. */
export interface Imported {
  runs: ImportedRun[];
  files: number;
  size_bytes: number;
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
  /** For a server that said so: a content that the bundle has already is named and not sent again. */
  once?: boolean;
}
