/**
 * How the terminal UI's library gets into the executable. Its native part is embedded and unpacked by our own module
 * (src/tui/native-library.ts: to the user's cache, not to /tmp); its syntax highlighting, which we do not use, and the
 * native parts of other machines are left out. Where the native part for this machine is not installed the build goes
 * on without the terminal UI, and `ml monitor` says so.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { BunPlugin } from "bun";
import { compressedFile } from "./compressed.ts";

const root = join(import.meta.dir, "..");
export const nativePackage = `@opentui/core-${process.platform}-${process.arch}`;
const library = join(root, "node_modules", nativePackage, "libopentui.so");

/** True where this build can hold the terminal UI. */
export const hasTerminalUi =
  existsSync(join(root, "node_modules/@opentui/core/package.json")) &&
  existsSync(library) &&
  process.env.ML_BUILD_WITHOUT_TUI !== "1";

/** Grammars and queries of the syntax highlighter: 5 MB that nobody would see. */
const unused = /(\.scm|\.wasm|parser\.worker(\.js)?)$/;
const highlighter = /node_modules\/(@opentui|web-tree-sitter)\//;

/** In the executable the library is compressed; from source it is used where it is installed. */
function unpacking(): string {
  return `import embedded from ${JSON.stringify(compressedFile(library))} with { type: "file" };
import { unpackLibrary } from ${JSON.stringify(join(root, "src/tui/native-library.ts"))};
export default unpackLibrary(embedded);`;
}

export const terminalUiPlugin: BunPlugin = {
  name: "terminal-ui",
  setup(build) {
    const stub = { namespace: "terminal-ui-stub" };
    // The one module that leads to the library; src/tui/main.ts refuses before it would load it.
    if (!hasTerminalUi) build.onResolve({ filter: /^\.\/screen\.ts$/ }, ({ path }) => ({ path, ...stub }));
    build.onResolve({ filter: /^@opentui\/core-/ }, ({ path }) =>
      path === nativePackage ? { path, namespace: "terminal-ui-native" } : { path, ...stub },
    );
    build.onResolve({ filter: unused }, ({ path, importer }) =>
      highlighter.test(importer) ? { path, ...stub } : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: stub.namespace }, () => ({ contents: "export default '';", loader: "js" }));
    build.onLoad({ filter: /.*/, namespace: "terminal-ui-native" }, () => ({ contents: unpacking(), loader: "js" }));
  },
};
