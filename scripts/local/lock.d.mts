export function withLock<T>(file: string, work: () => Promise<T> | T, onWait?: (pid: number) => void): Promise<T>;
