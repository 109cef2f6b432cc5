/** What is done again and again in the background: rounds with pauses, waking, errors and an orderly end. */
export { every, startLoop, type Loop } from './loop.ts';
