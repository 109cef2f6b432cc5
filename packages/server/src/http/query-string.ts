import { accept, refuse, type Outcome } from '../outcome/index.ts';

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return null;
  }
}

/** Parameters of a query string by name. One that is repeated, or is no UTF-8 text, is refused by its name. */
export function parseQueryString(query: string): Outcome<ReadonlyMap<string, string>> {
  const parameters = new Map<string, string>();
  for (const pair of query.split('&')) {
    if (pair === '') continue;
    const at = pair.indexOf('=');
    const rawName = at < 0 ? pair : pair.slice(0, at);
    const name = decode(rawName);
    const value = decode(at < 0 ? '' : pair.slice(at + 1));
    if (name === null || value === null || name.includes('\0') || value.includes('\0')) {
      const param = (name ?? rawName).replaceAll('\0', '').slice(0, 64);
      return refuse({
        code: 'invalid_request',
        detail: `The query parameter ${param} must be percent-encoded UTF-8 text without NUL characters.`,
        param,
      });
    }
    if (parameters.has(name)) {
      return refuse({
        code: 'invalid_request',
        detail: `The query parameter ${name.slice(0, 64)} is given more than once. Give it once.`,
        param: name.slice(0, 64),
      });
    }
    parameters.set(name, value);
  }
  return accept(parameters);
}
