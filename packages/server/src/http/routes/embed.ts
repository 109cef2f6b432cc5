import { accept, refuse, type Outcome } from '../../outcome/index.ts';
import type { HttpDeps } from '../deps.ts';
import type { Answer } from '../exchange.ts';
import type { Route } from '../route.ts';
import { readGrant } from './video-links.ts';

/** A page with nothing but the player. The token is base64url, checked before, so it needs no escaping. */
function playerPage(token: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Video</title>
<body>
<video src="/v/${token}" controls playsinline preload="metadata" width="100%"></video>
</body>
</html>
`;
}

function answerPage(deps: HttpDeps, token: string): Outcome<Answer> {
  const grant = readGrant(deps, token);
  if (!grant.ok) return grant;
  if (grant.value.action !== 'embed') {
    return refuse({
      code: 'not_found',
      detail: 'This link is not for embedding. Create one with the action embed: POST /v1/tasks/{id}/links.',
    });
  }
  return accept({
    kind: 'text',
    status: 200,
    contentType: 'text/html; charset=utf-8',
    body: playerPage(token),
    headers: {
      'Cache-Control': 'private, no-cache',
      'X-Content-Type-Options': 'nosniff',
      // Any page may show it; it may load its own video and nothing else.
      'Content-Security-Policy':
        "default-src 'none'; media-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors *",
      'Referrer-Policy': 'no-referrer',
    },
  });
}

/** The page behind a link for embedding. */
function embedRoute(deps: HttpDeps): Route {
  return {
    method: 'get',
    path: '/v/:token/embed',
    access: { kind: 'public' },
    operation: {
      id: 'getPlayerPage',
      tag: 'Videos',
      summary: 'Get a page with the video player, for an iframe',
      params: { token: 'The token in the `url` of a link with the action `embed`.' },
      query: null,
      body: [],
      successes: [{ status: 200, description: 'The page.', content: [{ mediaType: 'text/html', schema: 'text' }] }],
      refusals: ['not_found', 'link_expired'],
    },
    answer: async (exchange) => answerPage(deps, exchange.params['token'] ?? ''),
  };
}

export function routes(deps: HttpDeps): readonly Route[] {
  return [embedRoute(deps)];
}
