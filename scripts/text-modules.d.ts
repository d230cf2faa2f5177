/** Files that are imported as text (`with { type: "text" }`) and travel inside the executable. */
declare module "*.sh" {
  const text: string;
  export default text;
}
declare module "*.py" {
  const text: string;
  export default text;
}
