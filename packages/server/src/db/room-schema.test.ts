import { expect, it } from 'vitest';
import { inOrder, type RoomSchema } from './room-schema.ts';

function room(name: string, ...after: string[]): RoomSchema {
  return { name, after, migrations: [], tables: {}, views: [], functions: [] };
}

function names(rooms: readonly RoomSchema[]): string[] {
  return inOrder(rooms).map(({ name }) => name);
}

it('a room comes behind every room that it names, wherever it stands in the list', () => {
  expect(names([room('c', 'b', 'a'), room('a'), room('b', 'a')])).toEqual(['a', 'b', 'c']);
});

it('a room that names one that is not there is refused', () => {
  expect(() => names([room('a', 'nowhere')])).toThrow('a comes after nowhere, which is not there');
});

it('rooms that wait for each other are refused', () => {
  expect(() => names([room('a', 'b'), room('b', 'c'), room('c', 'a')])).toThrow('wait for each other: a, b, c, a');
});

it('two rooms of one name are refused', () => {
  expect(() => names([room('a'), room('a')])).toThrow('one name');
});
