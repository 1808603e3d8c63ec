import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { benchHome, type Running, run } from './processes.ts';

export const hasNginx = () => spawnSync('nginx', ['-v']).status === 0;

/** nginx with one worker, connections to the upstream kept alive, and no access log. */
export function startNginx(port: number, upstreamPort: number): Running {
  const folder = join(benchHome, 'nginx');
  mkdirSync(folder, { recursive: true });
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path "${join(folder, kind)}";`)
    .join('\n  ');
  const file = join(folder, 'nginx.conf');
  writeFileSync(
    file,
    `daemon off;
worker_processes 1;
pid "${join(folder, 'nginx.pid')}";
error_log "${join(folder, 'error.log')}";
events { worker_connections 1024; }
http {
  ${temporary}
  access_log off;
  keepalive_requests 1000000000;
  upstream inventory { server 127.0.0.1:${upstreamPort}; keepalive 256; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port};
    location /api/movies {
      proxy_pass http://inventory;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}
`,
  );
  return run('nginx', 'nginx', ['-p', folder, '-e', join(folder, 'error.log'), '-c', file], folder);
}
