import type { Environment } from '../../run/stack/environment.ts';

/** The project at one revision, and the stack of its own that it runs on. */
export interface Product {
  name: string;
  checkout: string;
  /** Where its servers have their files. */
  home: string;
  environment: Environment;
}
