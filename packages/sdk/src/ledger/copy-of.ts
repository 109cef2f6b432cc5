/** A copy of a string. Without it, a small part of a file's text would keep the whole text in memory. */
export const copyOf = (text: string): string => ` ${text}`.slice(1);
