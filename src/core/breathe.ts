/** For long work in one process: whatever else waits in it has its turn before this resolves. */
export const breathe = () => new Promise<void>((resolve) => setImmediate(resolve));
