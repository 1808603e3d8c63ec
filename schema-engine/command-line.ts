/** The command line of Prisma's native schema engine. */
export interface CommandLine {
  datamodels: string[];
  datasource?: { url: string; shadowDatabaseUrl?: string };
  command?: string;
}

export function readCommandLine(words: string[]): CommandLine {
  const line: CommandLine = { datamodels: [] };
  for (let at = 0; at < words.length; at += 2) {
    const value = words[at + 1] ?? '';
    if (words[at] === '--datamodels') line.datamodels.push(value);
    else if (words[at] === '--datasource') line.datasource = JSON.parse(value);
    else if (words[at] === 'cli') line.command = value;
    // All others (preview features, extension types) have a value too, and no meaning here.
  }
  return line;
}
