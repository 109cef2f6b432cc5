import type { TaskParams } from '@rushes/sdk';

/** Every parameter that an item can have, and how its text is read. The compiler knows when one is missing. */
const PARAM_KINDS = {
  aspect_ratio: 'text',
  duration_seconds: 'whole number',
  size: 'text',
  image_url: 'text',
  last_image_url: 'text',
} as const satisfies Record<keyof TaskParams, 'text' | 'whole number'>;

export const PARAM_NAMES = Object.keys(PARAM_KINDS) as (keyof TaskParams)[];

export function isParamName(name: string): name is keyof TaskParams {
  return Object.hasOwn(PARAM_KINDS, name);
}

export type ParamReading =
  { readonly ok: true; readonly value: string | number } | { readonly ok: false; readonly detail: string };

/** The value that a parameter's text stands for. Which values a model takes is the server's to say. */
export function readParam(name: keyof TaskParams, text: string): ParamReading {
  if (PARAM_KINDS[name] === 'text') return { ok: true, value: text };
  if (/^\d{1,6}$/.test(text)) return { ok: true, value: Number(text) };
  return { ok: false, detail: `must be a whole number, not ${JSON.stringify(text)}` };
}
