// What was until now, drawn by uPlot, and as a table for those who cannot see it.
import uPlot from './uplot.js';

const SECONDS = 900;
/** How the two spans are made: seconds of a point, and points of a row of the table. */
const MINUTES = { step: 1, row: 60 };
const DAY = { step: 10, row: 360 };
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

/** The rows of the table: sums of films and orders, and the most that waited, of so many points each. The newest first. */
function tableRows({ step, row, times, films, orders, depth }) {
  const rows = [];
  for (let end = times.length; end > 0; end -= row) {
    const known = (column) => column.slice(Math.max(0, end - row), end).filter((value) => value !== null);
    const sum = (column) => Math.round(known(column).reduce((total, value) => total + value, 0) * step);
    if (known(films).length === 0 && known(depth).length === 0) continue;
    const tr = document.createElement('tr');
    const most = known(depth).length > 0 ? Math.max(...known(depth)) : '–';
    for (const text of [new Date(times[end - 1] * 1000).toLocaleTimeString(), sum(films), sum(orders), most])
      tr.insertCell().textContent = text;
    rows.push(tr);
  }
  return rows;
}

/** What the gateway tells of the past, for the charts. */
const spanOf = ({ second, films, orders, depth }, { step, row }) => ({
  step,
  row,
  times: films.map((_, i) => second - (films.length - 1 - i) * step),
  films,
  orders,
  depth,
});

/** Draws one of two spans: the last minutes, which go on second by second, or a day, which is asked for again and again. */
export function createCharts({ rates, depth, rows, span }) {
  const ratePlot = chart(rates, [
    ['films', '--films'],
    ['orders', '--orders'],
  ]);
  const depthPlot = chart(depth, [['waiting', '--orders']]);
  const isDay = () => span.querySelector(':checked').value === 'day';
  let minutes = spanOf({ second: 0, films: [], orders: [], depth: [] }, MINUTES);

  const draw = (data, withTable) => {
    ratePlot.setData([data.times, data.films, data.orders]);
    depthPlot.setData([data.times, data.depth]);
    if (withTable || rows.closest('details').open) rows.replaceChildren(...tableRows(data));
  };
  const drawDay = async () => {
    const answer = await fetch('/live/day').catch(() => undefined);
    if (answer?.ok && isDay()) draw(spanOf(await answer.json(), DAY), true);
  };
  span.addEventListener('change', () => (isDay() ? drawDay() : draw(minutes, true)));
  setInterval(() => isDay() && !document.hidden && drawDay(), 10_000);

  return {
    begin(history) {
      minutes = spanOf(history, MINUTES);
      if (!isDay()) draw(minutes, true);
    },
    /** One point for each second, whenever its state comes. */
    add(live) {
      const { times, films, orders, depth } = minutes;
      if (live.second <= (times.at(-1) ?? 0)) return;
      times.push(live.second);
      films.push(live.films.perSecond);
      orders.push(live.orders.perSecond);
      depth.push(live.queue?.messages ?? null);
      for (const column of [times, films, orders, depth]) if (column.length > SECONDS) column.shift();
      if (!isDay()) draw(minutes, false);
    },
  };
}
