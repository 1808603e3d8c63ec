/** Takes the chunks that a connection gives, and returns the answer when its last byte has come. */
export function answerReader() {
  let head = '';
  let status = 0;
  let close = false;
  /** Bytes of the body that are missing; undefined while the header is read, 'chunked' where only the end tells. */
  let missing: number | 'chunked' | undefined;
  let tail = '';

  return (chunk: Buffer): { status: number; close: boolean } | undefined => {
    let body = chunk;
    if (missing === undefined) {
      head += chunk.toString('latin1');
      const headEnd = head.indexOf('\r\n\r\n');
      if (headEnd < 0) return undefined;
      body = Buffer.from(head.slice(headEnd + 4), 'latin1');
      head = head.slice(0, headEnd);
      status = Number(head.slice(9, 12));
      close = /^connection: *close/im.test(head);
      if (status === 204) missing = 0;
      else if (/^transfer-encoding: *chunked/im.test(head)) missing = 'chunked';
      else missing = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
      tail = '\r\n';
    }
    if (missing === 'chunked') {
      // JSON as all of these servers write it has no line break: this is where the chunks end.
      tail = (tail + body.subarray(-7).toString('latin1')).slice(-7);
      if (!tail.endsWith('\r\n0\r\n\r\n')) return undefined;
    } else {
      missing -= body.length;
      if (missing > 0) return undefined;
    }
    head = '';
    missing = undefined;
    return { status, close };
  };
}
