/** Milliseconds since the epoch. */
export interface Period {
  from: number;
  to: number;
}

/** Notices when this process itself was held up, starting a server for example: the relays stood still with it. */
export function watchStalls() {
  const [step, tolerated] = [50, 200]; // milliseconds
  const seen: Period[] = [];
  let last = Date.now();
  const timer = setInterval(() => {
    const now = Date.now();
    if (now - last > step + tolerated) seen.push({ from: last, to: now });
    last = now;
  }, step);
  return { seen, stop: () => clearInterval(timer) };
}
