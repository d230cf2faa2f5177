/** The version of this executable and of the protocol that it speaks. */
import manifest from "../../package.json";

export const version: string = manifest.version;

/** Bumped only when an older peer could misunderstand; new requests and fields do not count. */
export const protocolVersion = 1;
