import { ITEM_LIMITS, countCodePoints, isLongerThan, type ItemErrorCode } from '@rushes/contract';
import { checkForeignUrl, EgressRefusal } from '../../outbound/index.ts';

export interface Fault {
  readonly code: ItemErrorCode;
  readonly detail: string;
}

const LONE_SURROGATE = /\p{Surrogate}/u;
/** One visible character. A prompt of only control characters, fillers, joiners and byte order marks is blank. */
const VISIBLE = /[^\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Control}]/u;

/** Refuses characters that PostgreSQL or UTF-8 cannot store. All other text is stored unchanged. */
export function characterFault(text: string): Fault | null {
  if (text.includes('\0')) return { code: 'forbidden_character', detail: 'It contains the character NUL (U+0000).' };
  if (LONE_SURROGATE.test(text)) {
    return {
      code: 'forbidden_character',
      detail: 'It contains half of a surrogate pair: the text was cut inside a character.',
    };
  }
  return null;
}

export function promptFault(prompt: unknown): Fault | null {
  if (prompt === undefined) return { code: 'required', detail: '`prompt` is missing.' };
  if (typeof prompt !== 'string') return { code: 'wrong_type', detail: '`prompt` must be a string.' };
  if (prompt === '') return { code: 'blank', detail: 'The prompt is empty.' };
  const character = characterFault(prompt);
  if (character !== null) return { code: character.code, detail: `The prompt cannot be stored. ${character.detail}` };
  if (!VISIBLE.test(prompt)) return { code: 'blank', detail: 'The prompt has no visible character.' };
  const limit = ITEM_LIMITS.promptMaxCodePoints;
  if (isLongerThan(prompt, limit)) {
    return {
      code: 'too_long',
      detail: `The prompt has ${countCodePoints(prompt)} characters; at most ${limit} are allowed.`,
    };
  }
  return null;
}

export function customIdFault(customId: unknown): Fault | null {
  if (typeof customId !== 'string')
    return { code: 'wrong_type', detail: '`custom_id` must be a string. Leave it out if you do not need it.' };
  if (ITEM_LIMITS.customIdPattern.test(customId)) return null;
  const detail = /[/\\]|^\.+$/.test(customId)
    ? 'A custom_id becomes a file name, so it must not consist of dots only.'
    : 'A custom_id must have 1 to 128 characters of A-Z, a-z, 0-9, ".", "_", ":" and "-".';
  return { code: 'bad_format', detail };
}

/** A parameter that is free text. */
export function textFault(name: string, value: unknown, maxLength: number): Fault | null {
  if (typeof value !== 'string') return { code: 'wrong_type', detail: `${name} must be a string.` };
  const character = characterFault(value);
  if (character !== null) return { code: character.code, detail: `${name} cannot be stored. ${character.detail}` };
  if (!VISIBLE.test(value)) return { code: 'blank', detail: `${name} has no visible character.` };
  if (!isLongerThan(value, maxLength)) return null;
  const detail = `${name} has ${countCodePoints(value)} characters; at most ${maxLength} are allowed.`;
  return { code: 'too_long', detail };
}

/** The URL of an image. The upstream fetches it; this server never does. */
export function urlFault(url: unknown): Fault | null {
  if (typeof url !== 'string') return { code: 'wrong_type', detail: 'It must be a string with an https URL.' };
  const character = characterFault(url);
  if (character !== null) return character;
  if (url.length > ITEM_LIMITS.urlMaxLength)
    return { code: 'too_long', detail: `A URL can have at most ${ITEM_LIMITS.urlMaxLength} characters.` };
  // The URL parser accepts spaces, line breaks and backslashes; an upstream may not.
  if (!/^https:\/\/[^\s\\\p{Control}]+$/iu.test(url) || !URL.canParse(url)) {
    return { code: 'bad_format', detail: 'It must be an absolute https:// URL.' };
  }
  try {
    checkForeignUrl(url);
    return null;
  } catch (error) {
    if (error instanceof EgressRefusal) return { code: 'bad_format', detail: `${error.message}.` };
    throw error;
  }
}
