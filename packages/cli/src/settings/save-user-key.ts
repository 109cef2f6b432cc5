import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeWholeFile } from '../output/whole-file.ts';
import { readUserFile, userFilePath } from './setting-files.ts';

const OWNER_ONLY_FILE = 0o600;
const OWNER_ONLY_FOLDER = 0o700;

async function* once(text: string): AsyncGenerator<Uint8Array, void, undefined> {
  yield new TextEncoder().encode(text);
}

/** Puts the key and its server into the user's file, readable by the owner alone; other settings stay. Its path. */
export async function saveUserKey(
  environment: Readonly<Record<string, string | undefined>>,
  key: { readonly baseUrl: string; readonly apiKey: string },
): Promise<string> {
  const path = userFilePath(environment);
  const before = await readUserFile(environment);
  const settings = {
    base_url: key.baseUrl,
    api_key: key.apiKey,
    ...(before === null || before.model === null ? {} : { model: before.model }),
  };
  await mkdir(dirname(path), { recursive: true, mode: OWNER_ONLY_FOLDER });
  await writeWholeFile(path, once(`${JSON.stringify(settings, null, 2)}\n`), OWNER_ONLY_FILE);
  return path;
}
