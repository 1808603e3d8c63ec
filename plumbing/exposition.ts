/** Label names with their values. */
export type Labels = Record<string, string | number>;

type Type = 'counter' | 'gauge' | 'histogram';

interface Sample {
  suffix?: '_bucket' | '_sum' | '_count';
  labels: Labels;
  value: number;
}

/** A metric as it is written, read when somebody asks. */
interface Family {
  name: string;
  help: string;
  type: Type;
  read(): Promise<Sample[]> | Sample[];
}

/**
 * Metrics in Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/). Our own: prom-client, the usual
 * library, loads OpenTelemetry, which is to be loaded by those alone who trace; and the format is these lines.
 */
export class Exposition {
  static readonly contentType = 'text/plain; version=0.0.4; charset=utf-8';
  readonly #families: Family[] = [];

  add(family: Family): void {
    this.#families.push(family);
  }

  async text(): Promise<string> {
    const written = await Promise.all(
      this.#families.map(async ({ name, help, type, read }) => {
        const samples = await read();
        if (samples.length === 0) return '';
        const lines = samples.map(
          ({ suffix = '', labels, value }) => `${name}${suffix}${labelText(labels)} ${numberText(value)}\n`,
        );
        return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
      }),
    );
    return written.join('');
  }
}

const labelText = (labels: Labels): string => {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(String(value))}"`);
  return pairs.length > 0 ? `{${pairs.join(',')}}` : '';
};

const ESCAPES: Record<string, string> = { '\\': '\\\\', '"': '\\"', '\n': '\\n' };
const escaped = (text: string) => text.replace(/[\\"\n]/g, (character) => ESCAPES[character]!);

const numberText = (value: number) => (value === Number.POSITIVE_INFINITY ? '+Inf' : String(value));

/** Counts values by classes, each up to a bound, and by labels. The labels have to be few: nothing is forgotten. */
export class Histogram {
  readonly #bounds: number[];
  readonly #series = new Map<string, { labels: Labels; counts: Float64Array; sum: number }>();

  /** `bounds`: ascending, in the unit of the values. */
  constructor(bounds: number[]) {
    this.#bounds = bounds;
  }

  observe(value: number, labels: Labels = NONE): void {
    let key = '';
    for (const name in labels) key += `${labels[name]}\n`;
    let series = this.#series.get(key);
    if (!series) {
      series = { labels, counts: new Float64Array(this.#bounds.length + 1), sum: 0 };
      this.#series.set(key, series);
    }
    let place = 0;
    while (place < this.#bounds.length && value > this.#bounds[place]!) place++;
    series.counts[place]!++;
    series.sum += value;
  }

  samples(): Sample[] {
    return [...this.#series.values()].flatMap(({ labels, counts, sum }) => {
      let below = 0;
      const buckets = [...this.#bounds, Number.POSITIVE_INFINITY].map((bound, place): Sample => {
        below += counts[place]!;
        return { suffix: '_bucket', labels: { ...labels, le: numberText(bound) }, value: below };
      });
      return [...buckets, { suffix: '_sum', labels, value: sum }, { suffix: '_count', labels, value: below }];
    });
  }
}

const NONE: Labels = {};
