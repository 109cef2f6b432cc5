import { readUserFile, type SettingsPlace, userFilePath } from './setting-files.ts';

/**
 * Stores the key and its server in the user's file, which only its owner can read. Other settings stay. Resolves with
 * the path.
 */
export async function saveUserKey(
  place: SettingsPlace,
  key: { readonly baseUrl: string; readonly apiKey: string },
): Promise<string> {
  const path = userFilePath(place);
  const before = await readUserFile(place);
  const settings = {
    base_url: key.baseUrl,
    api_key: key.apiKey,
    ...(before === null || before.model === null ? {} : { model: before.model }),
  };
  await place.files.writePrivate(path, `${JSON.stringify(settings, null, 2)}\n`);
  return path;
}
