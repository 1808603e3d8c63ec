// The last fifteen minutes, drawn by uPlot, and as a table for those who cannot see them.
import uPlot from './uplot.js';

const SECONDS = 900;
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function chart(place, series) {
  const axis = { stroke: () => color('--soft'), grid: { stroke: () => color('--line'), width: 1 } };
  const size = () => ({ width: Math.max(place.clientWidth, 200), height: 160 });
  const plot = new uPlot(
    {
      ...size(),
      series: [{}, ...series.map(([label, name]) => ({ label, stroke: () => color(name), width: 1.5, spanGaps: true }))],
      axes: [axis, { ...axis, size: 60 }],
      scales: { y: { range: (_plot, _low, high) => [0, Math.max(high, 1)] } },
    },
    [[], ...series.map(() => [])],
    place,
  );
  new ResizeObserver(() => plot.setSize(size())).observe(place);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => plot.redraw());
  return plot;
}

export function createCharts({ rates, depth, minutes }) {
  const ratePlot = chart(rates, [
    ['films', '--films'],
    ['orders', '--orders'],
  ]);
  const depthPlot = chart(depth, [['waiting', '--orders']]);
  let times = [];
  let last = 0; // the second that was added last
  let values = { films: [], orders: [], depth: [] };

  const draw = () => {
    ratePlot.setData([times, values.films, values.orders]);
    depthPlot.setData([times, values.depth]);
  };
  const list = () => {
    const rows = [];
    for (let end = times.length; end > 0; end -= 60) {
      const part = (name) => values[name].slice(Math.max(0, end - 60), end).filter((value) => value !== null);
      const sum = (name) => part(name).reduce((total, value) => total + value, 0);
      const row = document.createElement('tr');
      const cells = [
        new Date(times[end - 1] * 1000).toLocaleTimeString(),
        sum('films'),
        sum('orders'),
        part('depth').length ? Math.max(...part('depth')) : '–',
      ];
      for (const text of cells) row.insertCell().textContent = text;
      rows.push(row);
    }
    minutes.replaceChildren(...rows);
  };

  return {
    begin(history) {
      const now = Math.floor(Date.now() / 1000);
      times = history.films.map((_, i) => now - history.films.length + i + 1);
      const { second, ...columns } = history;
      [values, last] = [columns, second];
      draw();
      list();
    },
    /** One point for each second, whenever its state comes. */
    add(live) {
      if (live.second <= last) return;
      last = live.second;
      times.push(Math.floor(Date.parse(live.at) / 1000));
      values.films.push(live.films.perSecond);
      values.orders.push(live.orders.perSecond);
      values.depth.push(live.queue?.messages ?? null);
      for (const column of [times, ...Object.values(values)]) if (column.length > SECONDS) column.shift();
      draw();
      if (times.length % 10 === 0 || minutes.closest('details').open) list();
    },
  };
}
