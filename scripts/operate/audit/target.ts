export type App = 'inventory_app' | 'billing_app' | 'api_gateway';

/** What was done, as it could be typed, and what came of it. */
export interface Done {
  command: string;
  output: string;
}

export interface Answer extends Done {
  status: number;
}

/** Where the audit takes place: the local stack or the virtual machines. */
export interface Target {
  /** Says which of the three parts run, and whether all do. */
  running(): Promise<Done & { all: boolean }>;
  request(method: string, path: string, body?: object): Promise<Answer>;
  /** Runs SQL in the app's database as the superuser; rows as psql prints them. */
  sql(app: 'inventory_app' | 'billing_app', statement: string): Promise<Done>;
  /** `pm2 list`, `pm2 stop billing_app`, where the app runs. */
  pm2(app: App, ...words: string[]): Promise<Done>;
}
