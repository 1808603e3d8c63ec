/** Of HTTP (RFC 9110, section 9, and QUERY). Anybody may invent others, which must not become names of their own in metrics and spans. */
export const KNOWN_METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'QUERY', 'TRACE', 'CONNECT']);
