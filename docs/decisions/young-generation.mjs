// What V8 promotes of 200,000 short-lived requests, of which 50 are under way at a time, when these stand in a Map and when they
// stand in an array: node --expose-gc docs/decisions/young-generation.mjs
import { GCProfiler, setFlagsFromString } from 'node:v8';

setFlagsFromString('--max-semi-space-size=8');
const REQUESTS = 200_000;
const UNDER_WAY = 50;

function bytesPromoted(begin, end) {
  const work = (from, to) => {
    for (let n = from; n < to; n++) {
      begin(n, { body: new Array(120).fill(n) });
      end(n - UNDER_WAY);
    }
  };
  work(0, 50_000);
  for (let i = 0; i < 3; i++) globalThis.gc({ type: 'minor' }); // the table of this moment is promoted, as happens to any sooner or later
  const profiler = new GCProfiler();
  profiler.start();
  work(50_000, 50_000 + REQUESTS);
  const old = ({ heapSpaceStatistics }) =>
    heapSpaceStatistics.filter(({ spaceName }) => !spaceName.startsWith('new_')).reduce((sum, one) => sum + one.spaceUsedSize, 0);
  const scavenges = profiler.stop().statistics.filter(({ gcType }) => gcType === 'Scavenge');
  return scavenges.reduce((sum, { beforeGC, afterGC }) => sum + old(afterGC) - old(beforeGC), 0) / REQUESTS;
}

const map = new Map();
const inMap = bytesPromoted(
  (n, request) => map.set(n, request),
  (n) => map.delete(n),
);
const array = new Array(64);
const inArray = bytesPromoted(
  (n, request) => {
    array[n % 64] = request;
  },
  (n) => {
    array[n & 63] = undefined;
  },
);
console.log(`bytes promoted for each request: in a Map ${inMap.toFixed(0)}, in an array ${inArray.toFixed(0)}`);
