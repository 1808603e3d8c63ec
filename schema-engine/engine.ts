/** The WebAssembly build of Prisma's schema engine, started by hand. */
import { readFileSync } from 'node:fs';
import * as wasm from '@prisma/schema-engine-wasm/schema_engine_bg';

/** Node has it; the types of Node that this project uses do not. */
declare const WebAssembly: {
  instantiate(code: Uint8Array, imports: object): Promise<{ instance: { exports: { __wbindgen_start(): void } } }>;
};

/** Where the engine leaves what it says when it panics. Without it, it would end without a reason. */
export const panic = { message: '' };
Object.assign(globalThis, {
  PRISMA_WASM_PANIC_REGISTRY: {
    set_message: (message: string) => {
      panic.message = message;
    },
  },
});

export type Engine = Record<string, (params: unknown) => Promise<unknown>>;

export const packageFile = (name: string) => readFileSync(new URL(name, import.meta.resolve('@prisma/schema-engine-wasm')));

export async function startEngine(datamodels: string[], database: object): Promise<Engine> {
  // By hand, because the package's own entry imports the .wasm file as a module, which Node does not do.
  const { instance } = await WebAssembly.instantiate(packageFile('./schema_engine_bg.wasm'), {
    './schema_engine_bg.js': wasm,
  });
  const glue = wasm as typeof wasm & { __wbg_set_wasm(exports: object): void };
  glue.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start();

  const files = datamodels.map((path): [string, string] => [path, readFileSync(path, 'utf8')]);
  const engine = await wasm.SchemaEngine.new(
    { datamodels: files.length > 0 ? files : undefined },
    () => {}, // its log: every failure reaches the CLI as an answer
    database,
  );
  return engine as unknown as Engine;
}
