/** A list of each kind (users, queues …), and what is none (the version of RabbitMQ). */
type Definitions = Record<string, Entry[]>;
type Entry = Record<string, unknown>;

/** What RabbitMQ knows one of a list by: a permission by its user and virtual host, all else but a binding by a name. */
const identityOf = ({ vhost, user, name }: Entry): string => JSON.stringify([vhost, user, name]);
const isBinding = (entry: Entry): boolean => 'source' in entry;

/**
 * The definitions of a backup, with all that the code says as it says it today: the passwords of the services may be others than
 * then, and their queues those of newer code. In one text, because between two imports the services would be refused.
 */
export function mergeDefinitions(backup: string, today: string): string {
  const merged: Definitions = JSON.parse(backup);
  for (const [kind, entries] of Object.entries<Entry[]>(JSON.parse(today))) {
    const ours = new Set(entries.map(identityOf));
    // A binding that is there twice is imported once.
    merged[kind] = [...(merged[kind] ?? []).filter((entry) => isBinding(entry) || !ours.has(identityOf(entry))), ...entries];
  }
  return JSON.stringify(merged);
}
