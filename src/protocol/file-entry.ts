/** One file of a run folder, as listings show it. Plain JSON, snake_case. */

export interface FileEntry {
  path: string;
  kind: "file" | "folder" | "link" | "other";
  size_bytes: number;
  modified: string;
  /** code: as in the snapshot; artifact: new or changed under work/; record: written by ml. */
  origin: "code" | "artifact" | "record";
}
