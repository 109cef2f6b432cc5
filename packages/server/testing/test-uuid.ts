import { randomUUID } from 'node:crypto';
import type { Uuid } from '@rushes/contract';

/** A uuid that a test makes up, of the kind that its place asks for. By default a random one. */
export function testUuid<Prefix extends string>(text: string = randomUUID()): Uuid<Prefix> {
  return text as Uuid<Prefix>;
}
