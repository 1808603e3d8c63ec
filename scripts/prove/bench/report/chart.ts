import type { Panel } from '../question.ts';

const [WIDTH, LABEL, VALUE, ROW, HEAD, GAP] = [760, 240, 130, 26, 34, 18];

/** Colours that read on white and on a dark page alike; text takes the colour of the page's theme. */
const STYLE = `
    text { font: 13px system-ui, sans-serif; fill: #24292f }
    .title { font-weight: 600 }
    .note { fill: #57606a }
    .ours { fill: #2f7ed8 }
    .peer { fill: #a0a7b0 }
    .limit { fill: #46a86b }
    .spread { stroke: #57606a; stroke-width: 2 }
    @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .note { fill: #9198a1 } }`;

/** Horizontal bars, one panel below the other, as a picture of its own. A line on a bar spans the starts. */
export function barChart(title: string, panels: Panel[]): string {
  const parts: string[] = [];
  let y = 0;
  for (const panel of panels) {
    parts.push(
      `<text class="title" x="0" y="${y + 18}">${escapeXml(panel.title)}` +
        `<tspan class="note" dx="8" font-weight="400">${panel.unit}, ${panel.moreIsBetter ? 'longer' : 'shorter'} is better</tspan></text>`,
    );
    y += HEAD;
    const longest = Math.max(...panel.bars.map(({ value, to = value }) => to));
    const lengthOf = (value: number) => Math.max(1, (value / longest) * (WIDTH - LABEL - VALUE));
    for (const { label, value, role, from = value, to = value } of panel.bars) {
      const [length, least, most] = [value, from, to].map(lengthOf) as [number, number, number];
      parts.push(
        `<text x="${LABEL - 10}" y="${y + 14}" text-anchor="end">${escapeXml(label)}</text>`,
        `<rect class="${role}" x="${LABEL}" y="${y}" width="${length.toFixed(1)}" height="19" rx="2"/>`,
        ...(most > least
          ? [
              `<line class="spread" x1="${(LABEL + least).toFixed(1)}" x2="${(LABEL + most).toFixed(1)}" y1="${y + 10}" y2="${y + 10}"/>`,
            ]
          : []),
        `<text x="${(LABEL + most + 8).toFixed(1)}" y="${y + 14}">${formatted(value)}</text>`,
      );
      y += ROW;
    }
    y += GAP;
  }
  parts.push(
    ...(['ours', 'peer', 'limit'] as const).map((role, i) => {
      const x = LABEL + i * 90;
      return `<rect class="${role}" x="${x}" y="${y - 4}" width="12" height="12" rx="2"/><text class="note" x="${x + 18}" y="${y + 7}">${role}</text>`;
    }),
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-8 -4 ${WIDTH + 16} ${y + 22}" role="img" aria-label="${escapeXml(title)}">
  <style>${STYLE}
  </style>
  ${parts.join('\n  ')}
</svg>
`;
}

function formatted(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en');
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

const escapeXml = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
