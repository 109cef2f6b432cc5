/** A string of its own: a part of a file's text would keep all of that text in memory. */
export const copyOf = (text: string): string => ` ${text}`.slice(1);
