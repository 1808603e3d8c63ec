/** Columns as wide as their longest cell, two blanks apart; numbers stand right. `rows` may begin with a head. */
export function textTable(rows: readonly (readonly (string | number)[])[]): string {
  const widths = columnWidths(rows);
  const pad = (cell: string | number, width: number) =>
    typeof cell === 'number' ? String(cell).padStart(width) : cell.padEnd(width);
  return rows
    .map((row) =>
      row
        .map((cell, column) => pad(cell, widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Of each column, the characters of its longest cell. */
export function columnWidths(rows: readonly (readonly (string | number)[])[]): number[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, String(cell).length);
  }
  return widths;
}
