/** What the help says of this topic. */
export default 'Every movement of a credit: list it, export it, verify it.';
