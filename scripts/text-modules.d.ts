/** Files that are imported as text (`with { type: "text" }`) and travel inside the executable. */
declare module "*.sh" {
  const text: string;
  export default text;
}
declare module "*.py" {
  const text: string;
  export default text;
}

/** Files that are inside the executable: the path under which they can be read. */
declare module "*.wasm" {
  const path: string;
  export default path;
}

declare module "*.ttf" {
  const path: string;
  export default path;
}
