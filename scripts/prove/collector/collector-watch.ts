// Loaded into a service before its own code (node --import): tells whoever started it what its collector promoted.
import { GCProfiler } from 'node:v8';

type Heap = ReturnType<GCProfiler['stop']>['statistics'][number]['beforeGC'];

let profiler: GCProfiler | undefined;

process.on('message', (request) => {
  if (request === 'watch') {
    profiler = new GCProfiler();
    profiler.start();
  }
  if (request === 'report') process.send!({ promoted: promoted(profiler!.stop().statistics) });
});

/** Bytes that collections of the young generation moved to the old one. */
function promoted(collections: ReturnType<GCProfiler['stop']>['statistics']): number {
  return collections
    .filter(({ gcType }) => gcType === 'Scavenge')
    .reduce((sum, { beforeGC, afterGC }) => sum + bytesOfOld(afterGC) - bytesOfOld(beforeGC), 0);
}

const bytesOfOld = ({ heapSpaceStatistics }: Heap): number =>
  heapSpaceStatistics
    .filter(({ spaceName }) => !spaceName.startsWith('new_'))
    .reduce((sum, { spaceUsedSize }) => sum + spaceUsedSize, 0);
