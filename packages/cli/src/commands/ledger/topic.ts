/** Description of this topic in the help. */
export default 'Every movement of a credit: list it, export it, verify it.';
